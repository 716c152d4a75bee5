import type { PageSource } from "@shardcast/server/admin/pages";

const file = (name: string) => new URL(name, import.meta.url).pathname;

/** The demo's market board, as the admin port shows it. */
export const DEMO_PAGE: PageSource = {
  ...{ path: "/demo", name: "demo" },
  htmlFile: file("demo.html"),
  scriptFile: file("board.ts"),
  styleFile: file("board.css"),
};
