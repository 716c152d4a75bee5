import { gzipSync } from "bun";
import { type MinifyOptions, type MinifyOutput, minify } from "uglify-js";
import { chooseLetters, type Name } from "./chooseLetters.ts";

/**
 * Minifies a module, and gives what it names itself, variables and properties, those letters with which it is smallest once it is
 * gzipped. Properties in `reserved` keep their names, because others know them, too. Throws where what it names could meet what
 * it leaves.
 */
export function minifyForGzip(code: string, reserved: readonly string[]): string {
  const [lookalike] = code.match(PLACEHOLDER) ?? [];
  if (lookalike) throw new Error(`${lookalike} would be taken for a placeholder`);
  const words = [...new Set(code.match(/[a-z_$][\w$]*/gi))].filter((word) => !reserved.includes(word));
  const properties = words.map((_, at): Name => ({ word: placeholder(at), rivals: new Set() }));
  const ast = minifiedTree(code, {
    reserved: [...reserved],
    cache: Object.fromEntries(words.map((word, at) => [`$${word}`, placeholder(at)])),
  });
  const [kept] = lettersKept(ast);
  if (kept)
    throw new Error(`a property that is named ${kept} can not be told from those that get one letter`);
  const variables = variablesOf(ast, words.length);
  for (const [definition, { word }] of variables) definition.mangled_name = word;
  const names = new Map([...properties, ...variables.values()].map((name) => [name.word, name]));
  const text = new Template(ast.print_to_string({ module: true }), names);

  const used = text.names();
  const rivals = used.filter((name) => properties.includes(name));
  for (const name of rivals) for (const other of rivals) if (other !== name) name.rivals.add(other);
  chooseLetters(used, () => gzipSync(text.print(), { level: 9 }).length);
  if (new Set(rivals.map(({ word }) => word)).size < rivals.length)
    throw new Error("a property has the name of another one");
  const chosen = text.print();
  for (const [definition, name] of variables) name.word = definition.mangled_name as string;
  if (canonical(chosen) !== canonical(text.print()))
    throw new Error("a variable has the name of another one");
  return chosen;
}

/** Code with names in the place of the placeholders that stand for them. */
class Template {
  readonly #parts: ReadonlyArray<string | Name>;

  constructor(code: string, names: ReadonlyMap<string, Name>) {
    this.#parts = code.split(PLACEHOLDER).map((text) => names.get(text) ?? text);
  }

  /** Those that occur, the most frequent one first. */
  names(): Name[] {
    const counts = new Map<Name, number>();
    for (const part of this.#parts) {
      if (typeof part !== "string") counts.set(part, (counts.get(part) ?? 0) + 1);
    }
    return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
  }

  print(): string {
    return this.#parts.map((part) => (typeof part === "string" ? part : part.word)).join("");
  }
}

/** A word that no code may have that is minified. */
function placeholder(at: number): string {
  return `$${at}_`;
}
const PLACEHOLDER = /(\$\d+_)/;

function minifiedTree(
  code: string,
  { reserved, cache }: { readonly reserved: string[]; readonly cache: Readonly<Record<string, string>> },
): Tree {
  const output = run(code, {
    module: true,
    compress: { passes: 6, inline: 1, pure_getters: true, keep_fargs: false, toplevel: true },
    mangle: { toplevel: true, properties: { reserved, keep_quoted: true } },
    nameCache: { props: { props: cache } },
    output: WITH_TREE,
  });
  return (output as MinifyOutput & { readonly ast: Tree }).ast;
}

/** The same text for all that differ in names of variables alone. */
function canonical(code: string): string {
  return run(code, { module: true, compress: false, mangle: false, ...RENAMED }).code;
}

function run(code: string, options: MinifyOptions): MinifyOutput {
  const output = minify(code, options);
  if (output.error !== undefined) throw output.error;
  return output;
}

/** Options that the declarations of UglifyJS do not know. */
const WITH_TREE: object = { ast: true };
const RENAMED: object = { rename: true };

/** Of the tree of UglifyJS, what is used here. */
interface Tree {
  walk(visitor: { visit(node: TreeNode, descend?: () => void): void }): void;
  print_to_string(options: { readonly module: boolean }): string;
}

interface TreeNode {
  /** Where a property is reached, and where an object is written with it: its name, or what gives that. */
  readonly property?: string | TreeNode;
  readonly key?: string | TreeNode;
  /** Of two things that are joined by it. */
  readonly operator?: string;
  readonly left?: TreeNode;
  /** Of a text: the text. */
  readonly value?: unknown;
  /** Of a name: which variable it is. */
  readonly thedef?: Definition;
  /** Of a scope: its variables, and all that are used in it or further in. */
  readonly variables?: { each(visit: (definition: Definition) => void): void };
  readonly enclosed?: readonly Definition[];
}

interface Definition {
  /** Absent where it has to stay what it is. */
  mangled_name: string | null;
  /** Of what `catch` catches: the function around it. UglifyJS takes it for a variable of that one where it has the same name. */
  readonly defun?: TreeNode;
  /** The one whose name it must have, too. */
  redefined(): Definition | undefined;
}

/** The properties of one letter that keep their names, those that are reached by a text included. */
function lettersKept(ast: Tree): string[] {
  const kept: string[] = [];
  ast.walk({
    visit(node, descend) {
      for (const name of [node.property, node.key, node.operator === "in" ? node.left : undefined]) {
        const text = typeof name === "string" ? name : name?.value;
        if (typeof text === "string" && /^[a-z_$]$/i.test(text)) kept.push(text);
      }
      descend?.call(node);
    },
  });
  return kept;
}

/** The name of each, a placeholder from that of the given number on, and which others must not have the same. */
function variablesOf(ast: Tree, firstPlaceholder: number): Map<Definition, Name> {
  const found = new Map<Definition, Name>();
  const scopes: TreeNode[] = [];
  let next = firstPlaceholder;
  ast.walk({
    visit(node, descend) {
      const { thedef, enclosed } = node;
      if (enclosed !== undefined) scopes.push(node);
      if (thedef?.mangled_name) {
        const first = thedef.redefined() ?? thedef;
        const name = found.get(first) ?? { word: placeholder(next++), rivals: new Set() };
        found.set(first, name).set(thedef, name);
      }
      descend?.call(node);
    },
  });
  for (const scope of scopes) {
    const own = definedIn(scope);
    for (const a of own) {
      for (const b of [...own, ...(scope.enclosed ?? []), ...(a.defun ? definedIn(a.defun) : [])]) {
        const [one, other] = [found.get(a), found.get(b)];
        if (one === undefined || other === undefined || one === other) continue;
        one.rivals.add(other);
        other.rivals.add(one);
      }
    }
  }
  return found;
}

function definedIn({ variables }: TreeNode): Definition[] {
  const own: Definition[] = [];
  variables?.each((definition) => own.push(definition));
  return own;
}
