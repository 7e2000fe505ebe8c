import { Languages, Monitor, Moon, Sun } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "../components/Button";
import { Menu, RadioItems } from "../components/Menu";
import { useMessages } from "../i18n";
import { setPreference, type ThemeChoice, usePreference } from "../stores/preferences";

const icon = { size: 16, strokeWidth: 1.5, "aria-hidden": true } as const;

export function ThemeMenu() {
  const m = useMessages();
  const theme = usePreference("theme");
  const options: { value: ThemeChoice; label: string; icon: ReactNode }[] = [
    { value: "system", label: m.theme_system(), icon: <Monitor {...icon} /> },
    { value: "light", label: m.theme_light(), icon: <Sun {...icon} /> },
    { value: "dark", label: m.theme_dark(), icon: <Moon {...icon} /> },
  ];
  return (
    <Menu
      label={m.theme_title()}
      trigger={
        <IconButton label={m.theme_title()}>{options.find((option) => option.value === theme)?.icon}</IconButton>
      }
    >
      <RadioItems value={theme} options={options} onChoose={(value) => void setPreference("theme", value)} />
    </Menu>
  );
}

export function LanguageMenu() {
  const m = useMessages();
  const language = usePreference("language");
  const options = [
    { value: "system", label: m.language_system() },
    { value: "en", label: "English" },
    { value: "de", label: "Deutsch" },
  ] as const;
  return (
    <Menu
      label={m.language_title()}
      trigger={
        <IconButton label={m.language_title()}>
          <Languages {...icon} />
        </IconButton>
      }
    >
      <RadioItems value={language} options={options} onChoose={(value) => void setPreference("language", value)} />
    </Menu>
  );
}
