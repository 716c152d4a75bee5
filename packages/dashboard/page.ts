import type { PageSource } from "@shardcast/server/admin/pages";

const file = (name: string) => new URL(name, import.meta.url).pathname;

/** The dashboard, as the admin port shows it. */
export const DASHBOARD_PAGE: PageSource = {
  ...{ path: "/", name: "dashboard" },
  htmlFile: file("dashboard.html"),
  scriptFile: file("main.tsx"),
  styleFile: file("dashboard.css"),
};
