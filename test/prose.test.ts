// The words of comments, test titles and messages, as far as a machine can judge them. A comment
// says one act per sentence, in words that name the actor. A title is true on its own.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { commentsOf, passagesOf } from "./support/comments.ts";
import { pythonTokens } from "./support/python-source.ts";

const MOST_WORDS = 30;
/** Words that hide who acts, or are not how people write. */
const BANNED =
  /\b(?:told|tells? (?:the|of)|whoever|nobody|somebody|for ever|anew|as ever|that it is|such one|all else)\b|(?<!there )\bis no (?!longer\b)[a-z]+/i;
/** A title that begins so needs the title of its suite to be understood. */
const FRAGMENT =
  /^(?:(?:is|are|was|has|have|does|do|may|can|cannot|says?|shows|gets|gives|goes|keeps|takes|that|whose|which|who|it|its|they|to|and|but|also) |\$\{[^}]*\}$|\S+$|\S+ \S+$)/;
const root = fileURLToPath(new URL("..", import.meta.url));
const sources = globSync("{core,cli,test,bench,dev,deploy,examples,fixtures,python}/**/*.{ts,mjs,py}", {
  cwd: root,
  exclude: (path) => /node_modules|__pycache__|^deploy.dist|^python.(?:build|dist)/.test(path),
}).map((file) => ({ file, source: readFileSync(`${root}${file}`, "utf8") }));
const passages = sources.flatMap(({ file, source }) =>
  commentsOf(file, source).flatMap((comment) =>
    passagesOf(comment).map((sentences) => ({ at: comment.at, sentences })),
  ),
);

test("the comments of every kind are found, without tables, shown code and directives", () => {
  const typescript = [
    ...["// One.", "//", "//   shown: code;", ""],
    ...["/**", " * Two: `a; b`.", " *", " * - Three.", " */"],
    ...["const a = 1; // four", "// biome-ignore x: y"],
  ];
  const python = [
    ...['"""One.', "", "    shown: code;", '"""', "", "def two():"],
    ...['    """Two.', "", "    Three.", '    """'],
    ...['    text = """', "    # no comment", '    """  # four'],
    ...["    run(", '        """no comment"""', "    )", "    # Five", "    # six.", "    told = '\\'#'"],
    ...["    field: int", '    """Seven."""'],
  ];
  const found = (file: string, lines: readonly string[]) =>
    commentsOf(file, lines.join("\n")).flatMap(passagesOf).flat();
  assert.deepEqual(found("a.ts", typescript), ["Two: `…`.", "- Three.", "One.", "four"]);
  assert.deepEqual(found("a.py", python), [...["One.", "Two.", "Three.", "four", "Five six.", "Seven."]]);
  assert.ok(passages.length > 6_000, `${passages.length} passages were found`);
});

test("no comment has a word that hides the actor", () => {
  const broken = passages.flatMap(({ at, sentences }) =>
    sentences.filter((sentence) => BANNED.test(sentence)).map((sentence) => `${at}: ${sentence}`),
  );
  assert.deepEqual(broken, []);
});

test("no comment has more than one colon or semicolon, but for its list items", () => {
  const broken = passages
    .map(({ at, sentences }) => ({ at, text: sentences.join(" ") }))
    .filter(({ text }) => (text.match(/[:;](?=\s|$)/g)?.length ?? 0) > 1);
  assert.deepEqual(broken, []);
});

test(`no sentence of a comment has more than ${MOST_WORDS} words`, () => {
  const broken = passages.flatMap(({ at, sentences }) =>
    sentences.filter((sentence) => sentence.split(" ").length > MOST_WORDS).map((sentence) => `${at}: ${sentence}`),
  );
  assert.deepEqual(broken, []);
});

test("no message or other text of the product has a word that hides the actor", () => {
  const texts = sources
    .filter(({ file }) => /^(?:core|cli|python\/src)\//.test(file))
    .flatMap(({ file, source }) => {
      const found = file.endsWith(".py")
        ? pythonTokens(source).filter(({ kind }) => kind === "text")
        : [...source.matchAll(/^(?! *(?:\/\/|\*|\/\*)).*?(["'`].*["'`])/gm)].map(({ 1: text = "" }) => ({
            source: text,
          }));
      return found.map((text) => ({ file, text: text.source }));
    });
  assert.ok(texts.length > 5_000, `${texts.length} texts were found`);
  assert.deepEqual(
    texts.filter(({ text }) => BANNED.test(text)),
    [],
  );
});

test("every test title is a sentence of its own, in words that name the actor", () => {
  const titles = sources.flatMap(({ file, source }) => titlesOf(file, source).map((title) => ({ file, title })));
  assert.ok(titles.length > 2_000, `${titles.length} titles were found`);
  assert.deepEqual(
    titles.filter(({ title }) => FRAGMENT.test(title) || BANNED.test(title)),
    [],
  );
});

function titlesOf(file: string, source: string): readonly string[] {
  if (file.endsWith(".py"))
    return [...source.matchAll(/^ *(?:async )?def test_(\w+)/gm)].map(({ 1: name = "" }) => name.replaceAll("_", " "));
  if (!/\.test\.ts$|^test\/contract\//.test(file)) return [];
  return [...source.matchAll(/(?<![.\w`])test\(\s*(?:(["'`])((?:\\.|(?!\1).)*)\1|(\w[^,]*))(?=,)/g)].map(
    ({ 2: title, 3: expression = "" }) => title ?? `\${${expression}}`,
  );
}
