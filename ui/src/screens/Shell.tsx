import { CheckSquare, ChevronsUpDown, Keyboard, LogOut, PanelLeft, Plus } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useEffect, useState } from "react";
import { asAppError } from "../backend";
import type { SessionState } from "../backend/bindings/SessionState";
import { Button, IconButton } from "../components/Button";
import { classes } from "../components/classes";
import { itemClass, Menu } from "../components/Menu";
import { Modal } from "../components/Modal";
import { useMessages } from "../i18n";
import { roleLabel } from "../i18n/labels";
import { send } from "../stores/connection";
import { setPreference, usePreference } from "../stores/preferences";
import { showError } from "../stores/toasts";
import { useWindow } from "../stores/window";
import { KeyboardSheet } from "./KeyboardSheet";
import { LanguageMenu, ThemeMenu } from "./PreferenceMenus";
import { SyncPill } from "./SyncPill";
import { TasksScreen } from "./tasks/TasksScreen";
import { CreateWorkspace, Logo } from "./Welcome";

type Open = Extract<SessionState, { state: "open" }>;

/** The window with an open workspace: the sidebar and the screen beside it. */
export function Shell({ session }: { session: Open }) {
  const m = useMessages();
  const collapsed = usePreference("sidebar") === "collapsed";
  const [sheet, setSheet] = useState(false);
  const toggle = () => void setPreference("sidebar", collapsed ? "open" : "collapsed");

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "?" && !typing) setSheet(true);
      else if (event.key === "\\" && (event.ctrlKey || event.metaKey))
        void setPreference("sidebar", collapsed ? "open" : "collapsed");
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [collapsed]);

  return (
    <div className="flex h-full min-w-0 flex-1">
      <aside
        aria-label={m.nav_label()}
        className={classes(
          "flex shrink-0 flex-col gap-1 border-line border-r bg-surface p-2 transition-[width] duration-140 ease-out motion-reduce:transition-none",
          collapsed ? "w-13" : "w-55",
        )}
      >
        <WorkspaceMenu session={session} small={collapsed} />
        <nav className="mt-2 flex flex-1 flex-col gap-px">
          <a
            href="#/tasks"
            aria-current="page"
            aria-label={m.nav_tasks()}
            className={classes(
              "flex h-8 items-center gap-2 rounded-md bg-selection px-2 font-medium text-text",
              collapsed && "justify-center",
            )}
          >
            <CheckSquare size={16} strokeWidth={1.5} className="shrink-0 text-accent-text" aria-hidden="true" />
            {!collapsed && m.nav_tasks()}
          </a>
        </nav>
        <SyncPill session={session} small={collapsed} />
        <div className={classes("flex gap-px border-line border-t pt-2", collapsed && "flex-col items-center")}>
          <IconButton label={collapsed ? m.nav_expand() : m.nav_collapse()} hotkey="Ctrl+\" onClick={toggle}>
            <PanelLeft size={16} strokeWidth={1.5} />
          </IconButton>
          <ThemeMenu />
          <LanguageMenu />
          <IconButton label={m.keys_title()} hotkey="?" onClick={() => setSheet(true)}>
            <Keyboard size={16} strokeWidth={1.5} />
          </IconButton>
        </div>
      </aside>
      <TasksScreen key={session.workspace.tenant} />
      {sheet && <KeyboardSheet onClose={() => setSheet(false)} />}
    </div>
  );
}

const icon = { size: 16, strokeWidth: 1.5, "aria-hidden": true } as const;

/** Which workspace, which others, who is signed in, and the way out. */
function WorkspaceMenu({ session, small }: { session: Open; small: boolean }) {
  const m = useMessages();
  const name = useWindow((state) => state.tenant?.name) ?? session.workspace.name;
  const [dialog, setDialog] = useState<"create" | "unsent" | null>(null);
  const signOut = async (discard: boolean) => {
    try {
      await send({ type: "sign_out", discard_unsent: discard });
    } catch (thrown) {
      if (asAppError(thrown).code === "unsent_work") setDialog("unsent");
      else showError(thrown);
    }
  };
  return (
    <>
      <Menu
        label={m.workspace_menu()}
        side="bottom"
        trigger={
          <button
            type="button"
            aria-label={`${m.workspace_menu()}: ${name}`}
            title={small ? name : undefined}
            className={classes(
              "flex h-9 items-center gap-2 rounded-md px-1.5 hover:bg-hover",
              small && "justify-center",
            )}
          >
            <span className="flex [&>svg]:size-6">
              <Logo />
            </span>
            {!small && <span className="min-w-0 flex-1 truncate text-left font-semibold">{name}</span>}
            {!small && <ChevronsUpDown size={14} strokeWidth={1.5} className="text-text-3" aria-hidden="true" />}
          </button>
        }
      >
        <p className="max-w-64 truncate px-2 pt-1 text-sm text-text-2">{session.email}</p>
        <p className="px-2 pb-1 text-sm text-text-3">{roleLabel(session.workspace.role)}</p>
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        {session.others.map((other) => (
          <DropdownMenu.Item
            key={other.tenant}
            className={itemClass}
            onSelect={() => void send({ type: "open_workspace", tenant: other.tenant }).catch(showError)}
          >
            <span className="max-w-56 truncate">{m.workspace_switch({ name: other.name })}</span>
          </DropdownMenu.Item>
        ))}
        <DropdownMenu.Item className={itemClass} onSelect={() => setDialog("create")}>
          <Plus {...icon} />
          {m.workspace_create_title()}
        </DropdownMenu.Item>
        <DropdownMenu.Separator className="my-1 h-px bg-line" />
        <DropdownMenu.Item className={itemClass} onSelect={() => void signOut(false)}>
          <LogOut {...icon} />
          {m.session_sign_out()}
        </DropdownMenu.Item>
      </Menu>
      {dialog === "create" && (
        <Modal title={m.workspace_create_title()} onClose={() => setDialog(null)}>
          <CreateWorkspace onCancel={() => setDialog(null)} onDone={() => setDialog(null)} />
        </Modal>
      )}
      {dialog === "unsent" && (
        <Modal title={m.session_unsent_title()} onClose={() => setDialog(null)}>
          <p className="text-text-2">{m.session_unsent_text()}</p>
          <div className="flex justify-end gap-2">
            <Button
              look="danger"
              onClick={() => {
                setDialog(null);
                void signOut(true);
              }}
            >
              {m.session_unsent_discard()}
            </Button>
            <Button look="filled" onClick={() => setDialog(null)}>
              {m.session_unsent_keep()}
            </Button>
          </div>
        </Modal>
      )}
    </>
  );
}
