import { Kbd } from "../components/Kbd";
import { Modal } from "../components/Modal";
import { useMessages } from "../i18n";

/** Every key that does something, by subject. */
export function KeyboardSheet({ onClose }: { onClose: () => void }) {
  const m = useMessages();
  const groups = [
    {
      title: m.keys_write(),
      keys: [
        { keys: ["N"], text: m.keys_new() },
        { keys: ["Enter", "F2"], text: m.keys_edit() },
        { keys: ["X", "Space"], text: m.keys_complete() },
        { keys: ["Delete"], text: m.keys_delete() },
        { keys: ["Z", "Ctrl+Z"], text: m.keys_undo() },
        { keys: ["Ctrl+Shift+Z"], text: m.keys_redo() },
      ],
    },
    {
      title: m.keys_set(),
      keys: [
        { keys: ["S"], text: m.field_status() },
        { keys: ["P"], text: m.field_priority() },
        { keys: ["G"], text: m.field_project() },
        { keys: ["A"], text: m.field_assignee() },
        { keys: ["D"], text: m.field_due() },
        { keys: ["T"], text: m.field_tags() },
      ],
    },
    {
      title: m.keys_move(),
      keys: [
        { keys: ["↑", "↓"], text: m.keys_row() },
        { keys: ["PgUp", "PgDn"], text: m.keys_page() },
        { keys: ["Home", "End"], text: m.keys_ends() },
        { keys: ["/"], text: m.keys_search() },
        { keys: ["Esc"], text: m.keys_back() },
        { keys: ["Ctrl+\\"], text: m.keys_sidebar() },
        { keys: ["?"], text: m.keys_sheet() },
      ],
    },
  ];
  return (
    <Modal title={m.keys_title()} onClose={onClose} className="w-[760px]">
      <div className="grid grid-cols-3 gap-8 max-[720px]:grid-cols-1">
        {groups.map((group) => (
          <section key={group.title} className="flex flex-col gap-1.5">
            <h3 className="mb-1 font-medium text-sm text-text-3">{group.title}</h3>
            {group.keys.map((entry) => (
              <div key={entry.text} className="flex min-h-6 items-center gap-2">
                <span className="flex-1">{entry.text}</span>
                {entry.keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </div>
            ))}
          </section>
        ))}
      </div>
    </Modal>
  );
}
