//! Mails through a real mail server, and without one.

use std::{sync::Arc, time::Duration};

use cockpit_hub::SmtpServer;
use reqwest::StatusCode;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{
    http_support::SharedHub,
    support::{PASSWORD, address, unlimited},
};

/// How a mail server treats the messages it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes,
    /// Refuses so many for now, then takes.
    RefusesAtFirst(usize),
    /// Refuses for good, and repeats what it was sent in its answer.
    Refuses,
    /// Accepts the connection and says nothing.
    Silent,
}

/// A small mail server: hands on what it was sent.
pub(crate) struct Postbox {
    pub(crate) url: String,
    pub(crate) letters: mpsc::UnboundedReceiver<String>,
}

impl Postbox {
    pub(crate) async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (sender, letters) = mpsc::unbounded_channel();
        let refusals = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(talk(stream, manner, sender.clone(), refusals.clone()));
            }
        });
        Self { url, letters }
    }

    pub(crate) async fn next(&mut self) -> String {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.letters.recv()).await;
        waited.expect("a mail arrives").unwrap()
    }
}

async fn talk(
    stream: TcpStream,
    manner: Manner,
    letters: mpsc::UnboundedSender<String>,
    refusals: Arc<std::sync::atomic::AtomicUsize>,
) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    if manner == Manner::Silent {
        while let Ok(Some(_)) = lines.next_line().await {}
        return;
    }
    writer.write_all(b"220 postbox ESMTP\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split(' ').next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250-postbox\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SMTPUTF8\r\n".to_owned(),
            "AUTH" => "235 welcome\r\n".to_owned(),
            "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 fine\r\n".to_owned(),
            "QUIT" => return,
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.unwrap();
                let mut letter = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    letter.push_str(line.strip_prefix('.').unwrap_or(&line));
                    letter.push('\n');
                }
                let refused = refusals.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                match manner {
                    Manner::RefusesAtFirst(times) if refused < times => "451 later\r\n".to_owned(),
                    Manner::Refuses => {
                        let repeated = letter.replace(['\r', '\n'], " ");
                        // After the answer, so that who waits for the letter knows that it was refused.
                        writer.write_all(format!("554 no: {repeated}\r\n").as_bytes()).await.unwrap();
                        letters.send(letter).unwrap();
                        continue;
                    }
                    _ => {
                        letters.send(letter).unwrap();
                        "250 taken\r\n".to_owned()
                    }
                }
            }
            _ => "502 what?\r\n".to_owned(),
        };
        if writer.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A mail's text, after its headers and with quoted-printable lines joined.
pub(crate) fn body_of(letter: &str) -> String {
    letter.split_once("\n\n").unwrap().1.replace("=\n", "").replace("=3D", "=")
}

/// The six digits of a mail.
pub(crate) fn code_in(letter: &str) -> String {
    let body = body_of(letter);
    body.lines()
        .map(str::trim)
        .find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap()
        .to_owned()
}

fn hub_with(url: &str) -> SharedHub {
    let server = SmtpServer::new(url, "Cockpit <cockpit@hub.test>").unwrap();
    SharedHub::start(move |options| {
        options.auth.open = true;
        options.auth.smtp = Some(server);
        options.auth.public_url = Some("https://hub.example.test/".to_owned());
        unlimited(options);
    })
}

/// Waits until the mail has come to this end.
async fn until(hub: &SharedHub, condition: &str) {
    let owner = hub.owner().await;
    let select = format!("select from auth.mail where {condition}");
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while owner.query(&select, &[]).await.unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "{condition} in time");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_sign_up_is_confirmed_through_a_mail_server_and_nothing_of_the_mail_is_kept() {
    let mut postbox = Postbox::open(Manner::Takes).await;
    let hub = hub_with(&postbox.url);
    let email = address("ada");
    let (status, _) =
        hub.post("signup?redirect_to=cockpit%3A%2F%2Fauth", json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(status, StatusCode::OK);
    let letter = postbox.next().await;
    for line in
        ["From: Cockpit <cockpit@hub.test>", &format!("To: {email}"), "Subject: Confirm your address for Cockpit"]
    {
        assert!(letter.contains(line), "{letter}");
    }
    let body = body_of(&letter);
    assert!(body.contains("https://hub.example.test/auth/v1/verify?token="), "{body}");
    assert!(body.contains("&type=signup&redirect_to=cockpit%3A%2F%2Fauth"), "{body}");
    let (status, session) =
        hub.post("verify", json!({ "type": "signup", "email": email, "token": code_in(&letter) })).await;
    assert_eq!(status, StatusCode::OK, "{session}");
    until(&hub, "sent_at is not null and body is null and code is null and link is null").await;
}

#[tokio::test]
async fn a_mail_server_that_refuses_for_now_is_asked_again() {
    let mut postbox = Postbox::open(Manner::RefusesAtFirst(2)).await;
    let hub = hub_with(&postbox.url);
    hub.post("signup", json!({ "email": address("ada"), "password": PASSWORD })).await;
    assert!(postbox.next().await.contains("Confirm"));
    until(&hub, "sent_at is not null and attempts = 2").await;
}

#[tokio::test]
async fn a_refusal_for_good_and_a_code_that_has_run_out_end_the_tries() {
    let mut postbox = Postbox::open(Manner::Refuses).await;
    let hub = hub_with(&postbox.url);
    hub.post("signup", json!({ "email": address("ada"), "password": PASSWORD })).await;
    postbox.next().await;
    until(&hub, "failed_at is not null and code is null and attempts = 0").await;

    let late = "insert into auth.mail (recipient, kind, subject, body, expires_at) values ('late@x', 'signup', 's', 'b', now())";
    hub.owner().await.batch_execute(late).await.unwrap();
    until(&hub, "recipient = 'late@x' and failed_at is not null").await;
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_or_is_not_there_delays_nobody_and_not_the_stop() {
    let silent = Postbox::open(Manner::Silent).await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("smtp://{}", listener.local_addr().unwrap())
    };
    // A server that wants no encryption is asked for it.
    let plain = Postbox::open(Manner::Takes).await;
    let encrypted = plain.url.replace("smtp://", "smtps://");
    for url in [silent.url.as_str(), &nobody, &encrypted] {
        let hub = hub_with(url);
        let ada = hub.person("ada").await;
        let begun = std::time::Instant::now();
        assert_eq!(hub.post("otp", json!({ "email": ada.email })).await.0, StatusCode::OK);
        assert_eq!(hub.sign_in(&ada.email, crate::http_support::PASSWORD).await.status(), StatusCode::OK);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?} with {url}", begun.elapsed());
        drop(ada);
        let begun = std::time::Instant::now();
        drop(hub);
        assert!(begun.elapsed() < Duration::from_secs(15), "the stop took {:?} with {url}", begun.elapsed());
    }
}

#[tokio::test]
async fn without_a_mail_server_the_newest_two_hundred_are_kept() {
    let hub = SharedHub::start(|options| {
        options.auth.open = true;
        unlimited(options);
    });
    let many = "insert into auth.mail (recipient, kind, subject, body, code, expires_at) \
                select 'many@x', 'signup', 's', 'b', '000000', now() + interval '1 hour' from generate_series(1, 250)";
    hub.owner().await.batch_execute(many).await.unwrap();
    let email = address("ada");
    hub.post("signup", json!({ "email": email, "password": PASSWORD })).await;
    let count = "select count(*) from auth.mail";
    assert_eq!(hub.owner().await.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 200);
    assert_eq!(hub.mail(&email).await.code.len(), 6);
}
