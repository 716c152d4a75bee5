import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./theme.ts";

applyTheme();
const root = document.querySelector("#app");
if (root === null) throw new Error("the page has no place for the dashboard");
root.replaceChildren();
render(<App />, root);
