// Sizes as people write them: `512MiB`, `1.5GiB`, `2GB`, `65536`. A plain number is in bytes. Pure.

const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Returns whole bytes, or null when `text` is not a size. Upper and lower case are the same. */
export function parseSize(text: string): number | null {
  const parts = /^(?<count>\d+(?:\.\d+)?)(?<unit>[KMGT]?(?:(?<=[KMGT])I)?B)?$/.exec(text.toUpperCase());
  if (parts?.groups === undefined) return null;
  const bytes = Math.round(Number(parts.groups["count"]) * (unitBytes[parts.groups["unit"] ?? "B"] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The shortest text in binary units that `parseSize` reads back as the same number of bytes. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0B";
  const units = ["TiB", "GiB", "MiB", "KiB"];
  const unit = units.find((name) => bytes % (unitBytes[name.toUpperCase()] ?? 1) === 0) ?? "B";
  return `${bytes / (unitBytes[unit.toUpperCase()] ?? 1)}${unit}`;
}
