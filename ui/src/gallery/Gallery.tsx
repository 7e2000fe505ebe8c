import { type ReactNode, useState } from "react";
import { Avatar, ProjectDot } from "../components/Avatar";
import { Button, IconButton } from "../components/Button";
import { Calendar } from "../components/Calendar";
import { Empty } from "../components/Empty";
import { Kbd } from "../components/Kbd";
import { PriorityMark, StatusMark } from "../components/Marks";
import { OptionList } from "../components/OptionList";
import { TextField } from "../components/TextField";
import { ToastCard } from "../components/Toaster";
import { useMessages } from "../i18n";
import { errorText } from "../i18n/errors";
import { PRIORITIES, priorityLabel, STATUSES, statusLabel } from "../i18n/labels";
import { ParkedChange, syncWords } from "../screens/SyncPill";
import { TaskRow } from "../screens/tasks/TaskRow";
import { useWindow } from "../stores/window";
import { HUES } from "../theme/hues";
import { sampleParked, samplePeople, sampleProjects, sampleRows, sampleSync, sampleToday } from "./samples";

/** Every component in every state, in both themes side by side. */
export function Gallery() {
  useState(() => {
    useWindow.setState({
      people: Object.fromEntries(samplePeople.map((person) => [person.id, person])),
      projects: Object.fromEntries(sampleProjects.map((project) => [project.id, project])),
    });
  });
  return (
    <div className="grid h-full grid-cols-2 overflow-auto max-[1100px]:grid-cols-1">
      <Theme name="light" />
      <Theme name="dark" />
    </div>
  );
}

function Theme({ name }: { name: "light" | "dark" }) {
  return (
    <div data-theme={name} className="@container flex min-w-0 flex-col gap-8 bg-ground p-6 text-text">
      <Rows />
      <Buttons />
      <Fields />
      <Marks />
      <Sync />
      <Panels />
      <Toasts />
      <Empties />
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-3">
      <h2 className="font-medium text-sm text-text-3">{title}</h2>
      {children}
    </section>
  );
}

const nothing = () => undefined;

function Rows() {
  return (
    <Section title="Task row: plain, in progress, review and overdue, done, cancelled, pending, refused, long; the second is selected">
      <div
        role="grid"
        aria-label="Task rows"
        tabIndex={0}
        className="group/grid relative border border-line"
        style={{ height: sampleRows.length * 32 }}
      >
        {sampleRows.map((row, index) => (
          <TaskRow
            key={row.task.id}
            row={row}
            index={index}
            top={index * 32}
            today={sampleToday}
            selected={index === 1}
            editing={false}
            onSelect={nothing}
            onEdit={nothing}
            onToggle={nothing}
          />
        ))}
      </div>
    </Section>
  );
}

function Buttons() {
  return (
    <Section title="Button: plain, quiet, filled, danger; enabled, disabled, busy">
      <div className="flex flex-wrap items-center gap-2">
        <Button look="filled">Sign in</Button>
        <Button look="filled" disabled>
          Sign in
        </Button>
        <Button look="filled" busy>
          Signing in…
        </Button>
        <Button>Sync now</Button>
        <Button disabled>Sync now</Button>
        <Button look="quiet">Sign out</Button>
        <Button look="danger">Discard</Button>
        <IconButton label="Keyboard" hotkey="?">
          <Kbd>?</Kbd>
        </IconButton>
      </div>
    </Section>
  );
}

function Fields() {
  return (
    <Section title="Text field: with hint, filled, with error, read only">
      <div className="grid grid-cols-2 gap-4">
        <TextField label="Server" hint="A Cockpit hub or a Supabase project." placeholder="127.0.0.1:54500" />
        <TextField label="Server" hint="Found a Cockpit server" defaultValue="127.0.0.1:54500" />
        <TextField
          label="Password"
          type="password"
          defaultValue="secret"
          error="E-mail or password is wrong. Check both and try again."
        />
        <TextField label="E-mail" readOnly defaultValue="mara@example.com" />
      </div>
    </Section>
  );
}

function Marks() {
  return (
    <Section title="Status, priority, people, projects, keys">
      <div className="flex flex-wrap gap-4">
        {STATUSES.map((status) => (
          <span key={status} className="flex items-center gap-1.5">
            <StatusMark status={status} /> {statusLabel(status)}
          </span>
        ))}
      </div>
      <div className="flex flex-wrap gap-4">
        {PRIORITIES.map((priority) => (
          <span key={priority} className="flex items-center gap-1.5">
            <PriorityMark priority={priority} /> {priorityLabel(priority)}
          </span>
        ))}
      </div>
      <div className="flex flex-wrap items-center gap-2">
        {HUES.map((hue, index) => (
          <Avatar key={hue} id="x" name={`Mara ${"ABCDEFGHIJKL"[index]}`} colour={index} />
        ))}
        {sampleProjects.map((project) => (
          <span key={project.id} className="flex items-center gap-1.5">
            <ProjectDot id={project.id} /> {project.name}
          </span>
        ))}
        <Kbd>N</Kbd>
        <Kbd>Ctrl+Z</Kbd>
      </div>
    </Section>
  );
}

function Sync() {
  const states = [
    sampleSync(),
    sampleSync({ phase: { phase: "polling" } }),
    sampleSync({ pending: 3 }),
    sampleSync({ phase: { phase: "catching_up" } }),
    sampleSync({ phase: { phase: "bootstrap", rows: 12_400 } }),
    sampleSync({ phase: { phase: "offline" }, pending: 12 }),
    sampleSync({ phase: { phase: "sign_in_needed" }, pending: 1 }),
    sampleSync({ parked: 2 }),
    sampleSync({ phase: { phase: "update_required" } }),
    sampleSync({ phase: { phase: "removed" } }),
  ];
  const tones = { good: "text-good", info: "text-info", warn: "text-warn", bad: "text-bad", idle: "text-idle" };
  return (
    <Section title="Sync pill in every phase, and a refused change">
      <div className="grid grid-cols-3 gap-2">
        {states.map((status) => {
          const { tone, text, icon } = syncWords(status, false);
          return (
            <span key={text} className="flex h-8 items-center gap-2 rounded-md bg-surface px-2">
              <span className={tones[tone]}>{icon}</span>
              <span className="truncate text-text-2">{text}</span>
            </span>
          );
        })}
      </div>
      <div className="w-80 rounded-md border border-line bg-raised p-4 shadow-popover">
        <ParkedChange change={sampleParked} />
      </div>
    </Section>
  );
}

function Panels() {
  const m = useMessages();
  return (
    <Section title="Panels: choice, date">
      <div className="flex flex-wrap items-start gap-4">
        <div className="rounded-md border border-line bg-raised shadow-popover">
          <OptionList
            label={m.field_priority()}
            options={PRIORITIES.map((value) => ({
              value,
              label: priorityLabel(value),
              icon: <PriorityMark priority={value} />,
            }))}
            isChosen={(value) => value === "high"}
            onChoose={nothing}
          />
        </div>
        <div className="rounded-md border border-line bg-raised shadow-popover">
          <Calendar label={m.field_due()} value="2026-03-18" today={sampleToday} onChoose={nothing} />
        </div>
      </div>
    </Section>
  );
}

function Toasts() {
  const m = useMessages();
  return (
    <Section title="Toast: with undo, error">
      <div className="flex w-[360px] flex-col gap-2">
        <ToastCard
          tone="plain"
          text={m.tasks_deleted({ name: "Draft the page tree" })}
          action={{ label: m.action_undo(), key: "Z", run: nothing }}
          onClose={nothing}
        />
        <ToastCard
          tone="bad"
          text={errorText({ code: "disk_full", message: "", retryable: true, details: null })}
          onClose={nothing}
        />
      </div>
    </Section>
  );
}

function Empties() {
  const m = useMessages();
  return (
    <Section title="Empty">
      <div className="h-56 border border-line">
        <Empty
          title={m.tasks_empty_title()}
          text={m.tasks_empty_text()}
          action={<Button look="filled">{m.tasks_empty_action()}</Button>}
          hotkey="N"
        />
      </div>
    </Section>
  );
}
