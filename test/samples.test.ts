// Runs the samples of all pages against servers that it starts: what a page shows works, or the page says why it is not run.
import { afterAll, describe, expect, test } from "bun:test";
import { pagePaths, ROOT, readPage } from "./pages/pages.ts";
import { type Block, blocksOf, planOf } from "./samples/blocks.ts";
import { dataProblems } from "./samples/data.ts";
import { runPage, usesKafka } from "./samples/page.ts";
import { typeErrors } from "./samples/script.ts";
import { Stages } from "./samples/stages.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { rejectionOf } from "./services/rejectionOf.ts";

const PAGE_TIMEOUT_MS = 110_000;

const pages = pagePaths().map((page) => [page, blocksOf(page, readPage(page))] as const);
const all = pages.flatMap(([, blocks]) => blocks);
const isRun = (block: Block) => planOf(block).kind === "run";
const stages = new Stages();

afterAll(() => stages.close());

test("every sample is run, parsed, or says why it is not", () => {
  const wrong = all.map((block) => [block.where, planOf(block)] as const);
  expect(
    wrong.flatMap(([where, plan]) => (plan.kind === "wrong" ? [`${where}: ${plan.problem}`] : [])),
  ).toEqual([]);
  expect(all.filter(isRun).length).toBeGreaterThan(10);
});

test("a sample that is run on another page stands there, word for word", () => {
  const isThere = ({ text }: Block, page: string) =>
    blocksOf(page, readPage(page)).some((other) => other.text === text && isRun(other));
  const elsewhere = all.flatMap((block) => {
    const plan = planOf(block);
    return plan.kind === "run elsewhere" ? [[block, plan.page] as const] : [];
  });
  expect(elsewhere.filter(([block, page]) => !isThere(block, page)).map(([{ where }]) => where)).toEqual([]);
  expect(elsewhere.length).toBeGreaterThan(0);
});

test("samples of JSON and YAML can be read, and messages are those of the protocol", () => {
  const parsed = all.filter((block) => planOf(block).kind === "parse");
  expect(
    parsed.flatMap((block) => dataProblems(block).map((problem) => `${block.where}: ${problem}`)),
  ).toEqual([]);
  expect(parsed.length).toBeGreaterThan(10);
});

test("samples in TypeScript have no type errors", async () => {
  const scripts = all.filter(({ language }) => language === "ts");
  expect(await typeErrors(scripts, ROOT)).toEqual([]);
}, 60_000);

describe("samples do what their pages say", () => {
  const run = pages.filter(([, blocks]) => blocks.some(isRun));
  const [withKafka, without] = [true, false].map((kafka) =>
    run.filter(([, blocks]) => blocks.filter(isRun).some(usesKafka) === kafka),
  );
  test.each(without ?? [])("%s", (_, blocks) => runPage(blocks, stages), PAGE_TIMEOUT_MS);
  describe.skipIf(!kafkaAvailable())("with Kafka", () => {
    test.each(withKafka ?? [])("%s", (_, blocks) => runPage(blocks, stages), PAGE_TIMEOUT_MS);
  });
});

describe("a sample that is wrong is found", () => {
  const problemsOf = (text: string) =>
    blocksOf("page.md", text).flatMap((block) => {
      const plan = planOf(block);
      return plan.kind === "wrong" ? [plan.problem] : plan.kind === "parse" ? dataProblems(block) : [];
    });
  const runText = (text: string) => runPage(blocksOf("page.md", text), stages);

  test("one without a word on how it is run, or with one that means nothing", () => {
    expect(problemsOf("```sh\ntrue\n```\n")).toHaveLength(1);
    expect(problemsOf("<!-- sample: on mars -->\n```sh\ntrue\n```\n")).toHaveLength(1);
    expect(problemsOf("```\nwhat is this\n```\n")).toHaveLength(1);
    expect(problemsOf("<!-- not run: it would end the reader's machine -->\n```sh\nhalt\n```\n")).toEqual([]);
  });

  test("JSON that is none, and messages that are none", () => {
    expect(problemsOf("```json\n{ 1 }\n```\n")).toHaveLength(1);
    expect(problemsOf('```json\n{"type":"ping"}\n```\n')).toContain("it lacks id");
    expect(problemsOf('```json\n{"type":"ping","id":1,"since":[]}\n```\n')).toEqual(["it has no since"]);
    expect(problemsOf('```json\n{"type":"publish","id":1}\n```\n')).toEqual(["there is no message publish"]);
    expect(problemsOf('```json\n{"type":"ping","id":1}\n```\n')).toEqual([]);
  });

  test("a command that fails, and one that never shows what it should", async () => {
    const failing = "<!-- sample: on nothing -->\n```sh\necho before\nnpm run shardcast -- nonsense\n```\n";
    expect(await rejectionOf(runText(failing))).toMatchObject({
      message: expect.stringContaining("page.md:2: it failed:\nbefore"),
    });
    const silent = '<!-- sample: on nothing, until "a word" -->\n```sh\necho another\n```\n';
    expect(await rejectionOf(runText(silent))).toMatchObject({
      message: expect.stringContaining("no command has shown a word"),
    });
    const late = '<!-- sample: on nothing, later "a word" -->\n```sh\necho another\n```\n';
    expect(await rejectionOf(runText(late))).toMatchObject({
      message: expect.stringContaining("did not show a word"),
    });
  }, 60_000);

  test("a script with a wrong type, and one that throws", async () => {
    const script = "<!-- sample: on nothing -->\n```ts\nconst port: number = 'none';\nthrow port;\n```\n";
    expect(await typeErrors(blocksOf("page.md", script), ROOT)).toEqual([
      expect.stringContaining("page.md:2"),
    ]);
    expect(await rejectionOf(runText(script))).toMatchObject({ message: expect.stringContaining("none") });
  }, 60_000);
});
