//! A hub whose certificate nobody has signed: who is trusted, and what is sent to whom.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cockpit_domain::{AppError, Command, ErrorCode, Reply, SyncPhase};
use cockpit_hub::{DEMO_PASSWORD, TlsOptions};
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinHandle};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer},
};

use crate::{
    model::Model,
    support::{ADA, BEN, Desk, Habits, Office},
};

async fn encrypted(tasks: usize) -> Office {
    Office::open_with(tasks, |options| options.tls = Some(TlsOptions::SelfSigned)).await
}

async fn sign_in(desk: &Desk, address: &str, email: &str, certificate: Option<&str>) -> Result<Reply, AppError> {
    let command = Command::SignIn {
        address: address.to_owned(),
        anon_key: None,
        email: email.to_owned(),
        password: DEMO_PASSWORD.to_owned(),
        certificate: certificate.map(str::to_owned),
    };
    desk.command("main", command).await
}

async fn desk(habits: Habits) -> Desk {
    let desk = Desk::new(habits);
    desk.attach("main").await;
    desk
}

/// Somebody with another certificate on the hub's port, who counts what is said to them.
struct Stranger {
    handshakes: Arc<AtomicUsize>,
    heard: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Stranger {
    async fn on(address: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = ServerConfig::builder().with_no_client_auth();
        let acceptor =
            TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap()));
        let listener = TcpListener::bind(address.trim_start_matches("https://")).await.unwrap();
        let (handshakes, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (shaking, hearing) = (Arc::clone(&handshakes), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shaking, hearing) = (acceptor.clone(), Arc::clone(&shaking), Arc::clone(&hearing));
                tokio::spawn(async move {
                    let shaken = acceptor.accept(stream).await;
                    shaking.fetch_add(1, Ordering::SeqCst);
                    let Ok(mut stream) = shaken else { return };
                    let mut buffer = [0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                        hearing.fetch_add(length, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { handshakes, heard, task }
    }

    async fn leave(self) {
        self.task.abort();
        // Its port is free when the task is gone.
        drop(self.task.await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_certificate_is_asked_about_and_holds_from_then_on() {
    let mut office = encrypted(3).await;
    let ada = desk(Habits::listening()).await;
    let expected = json!({ "fingerprint": office.fingerprint(), "address": format!("{}/", office.url) });
    let probe = |certificate| Command::ProbeServer { address: office.url.clone(), certificate };
    for refused in
        [ada.command("main", probe(None)).await.unwrap_err(), sign_in(&ada, &office.url, ADA, None).await.unwrap_err()]
    {
        assert_eq!((refused.code, refused.retryable), (ErrorCode::UntrustedCertificate, false), "{refused:?}");
        let mut details = refused.details;
        assert!(details.as_object_mut().unwrap().remove("reason").is_some_and(|reason| reason.is_string()));
        assert_eq!(details, expected);
    }
    let garbled = sign_in(&ada, &office.url, ADA, Some("AB:CD")).await.unwrap_err();
    assert_eq!(garbled.code, ErrorCode::Invalid);

    let trusted = office.fingerprint();
    let reply = ada.run(probe(Some(trusted.clone()))).await;
    assert!(matches!(reply, Reply::Server { key_needed: false, .. }));
    sign_in(&ada, &office.url, ADA, Some(&trusted)).await.unwrap();
    let list = ada.list().await;
    ada.wait("main", "the rows", |model| model.settled() && model.views[&list].count == 3).await;
    let live = |model: &Model| model.phase() == Some(SyncPhase::Live);
    ada.wait("main", "the feed over wss", live).await;
    // Only the feed can tell of this within the test.
    let ben = desk(Habits::polling()).await;
    sign_in(&ben, &office.url, BEN, Some(&trusted)).await.unwrap();
    ben.wait("main", "everything", Model::settled).await;
    ben.create("From Ben").await;
    ada.wait("main", "Ben's task", |model| model.named(list, "From Ben").is_some()).await;
    ben.engine.shutdown().await;

    let (profile, secrets) = ada.kill().await;
    let ada = Desk::at(profile, secrets, Habits::listening());
    ada.attach("main").await;
    ada.wait("main", "the feed after a restart", live).await;
    ada.run(Command::ProbeServer { address: office.url.clone(), certificate: None }).await;
    ada.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_certificate_hears_neither_password_nor_token_and_the_right_one_is_taken_back() {
    let mut office = encrypted(3).await;
    let trusted = office.fingerprint();
    let ada = desk(Habits::polling()).await;
    sign_in(&ada, &office.url, ADA, Some(&trusted)).await.unwrap();
    ada.wait("main", "everything", Model::settled).await;
    let list = ada.list().await;

    office.close().await;
    let stranger = Stranger::on(&office.url).await;
    ada.create("Written meanwhile").await;
    let changed = |model: &Model| {
        let problem = model.sync.as_ref().and_then(|status| status.problem.clone());
        problem.is_some_and(|problem| problem.code == ErrorCode::CertificateChanged)
    };
    ada.wait("main", "the change to be told", changed).await;
    let refused = sign_in(&ada, &office.url, ADA, None).await.unwrap_err();
    assert_eq!((refused.code, refused.retryable), (ErrorCode::CertificateChanged, false));
    assert_eq!(refused.details["expected"], trusted.as_str());
    assert!(refused.details["found"].is_string() && refused.details["address"].is_string(), "{refused:?}");
    // Each is counted when it is over, the last perhaps a moment after the client has turned away; what it `found` was asked for just now.
    assert!(stranger.handshakes.load(Ordering::SeqCst) >= 1, "it was really asked");
    assert_eq!(stranger.heard.load(Ordering::SeqCst), 0, "nothing but the handshake may arrive");
    stranger.leave().await;

    office.reopen().await;
    ada.wait("main", "the work to be sent by itself", |model| model.settled() && model.views[&list].count == 4).await;

    // The hub's owner replaces the certificate, and tells the person the new fingerprint.
    office.close().await;
    std::fs::remove_dir_all(office.data().join("tls")).unwrap();
    office.reopen().await;
    assert_ne!(office.fingerprint(), trusted);
    ada.wait("main", "the change to be told", changed).await;
    sign_in(&ada, &office.url, ADA, Some(&office.fingerprint().to_lowercase())).await.unwrap();
    ada.wait("main", "the new one to be trusted", |model| model.settled() && !changed(model)).await;
    let (profile, secrets) = ada.kill().await;
    let ada = Desk::at(profile, secrets, Habits::polling());
    ada.attach("main").await;
    ada.wait("main", "it to be kept", |model| model.settled() && !changed(model)).await;
    ada.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_scheme_finds_the_encrypted_hub_and_never_steps_back() {
    let mut office = encrypted(0).await;
    let ada = desk(Habits::polling()).await;
    let plain = office.url.replacen("https://", "http://", 1);
    let refused = sign_in(&ada, &plain, ADA, None).await.unwrap_err();
    assert!(refused.code == ErrorCode::InvalidAddress && refused.message.contains("https://"), "{refused}");
    let bare = office.url.trim_start_matches("https://").to_owned();
    let asked = sign_in(&ada, &bare, ADA, None).await.unwrap_err();
    assert_eq!(asked.code, ErrorCode::UntrustedCertificate);
    assert_eq!(asked.details["address"], format!("{}/", office.url), "what is trusted is the address in full");
    sign_in(&ada, &bare, ADA, Some(&office.fingerprint())).await.unwrap();
    ada.wait("main", "everything", Model::settled).await;

    // Somebody who answers plainly in its place is not asked plainly: a certificate is known for this address.
    office.close().await;
    let listener = TcpListener::bind(&bare).await.unwrap();
    let first_byte = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            if stream.read(&mut byte).await.is_ok_and(|read| read == 1) && byte != [0x16] {
                return byte[0];
            }
        }
    });
    sign_in(&ada, &bare, ADA, None).await.unwrap_err();
    assert!(!first_byte.is_finished(), "something was said in the open");
    first_byte.abort();
    ada.engine.shutdown().await;
}
