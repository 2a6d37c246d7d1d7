// What a Python file holds besides code: its comments, its docstrings, its other texts.

export interface PythonToken {
  readonly kind: "comment" | "docstring" | "text";
  readonly index: number;
  /** With its marks: `# …`, `"""…"""`. */
  readonly source: string;
}

const TOKEN = /#.*|[([{]|[)\]}]|(?<![\w"'])[rbuf]{0,2}("""|'''|"|')(?:\\[\s\S]|(?!\1)[\s\S])*\1/gi;

/** A text that is a statement of its own is the docstring of what it stands in or behind. */
export function pythonTokens(source: string): readonly PythonToken[] {
  const tokens: PythonToken[] = [];
  let depth = 0;
  for (const { 0: token, index } of source.matchAll(TOKEN)) {
    if (/^[([{]$/.test(token)) depth += 1;
    else if (/^[)\]}]$/.test(token)) depth -= 1;
    else if (token.startsWith("#")) tokens.push({ kind: "comment", index, source: token });
    else {
      const isStatement = depth === 0 && startsLine(source, index) && /"""$/.test(token);
      tokens.push({ kind: isStatement ? "docstring" : "text", index, source: token });
    }
  }
  return tokens;
}

export function startsLine(source: string, index: number): boolean {
  return source.slice(source.lastIndexOf("\n", index - 1) + 1, index).trim() === "";
}
