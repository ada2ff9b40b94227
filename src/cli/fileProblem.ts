/*
 * Why a file that the user named cannot be read, in plain words and with the code of the operating system.
 */

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
  EISDIR: 'it is a directory, not a file',
  EMFILE: 'too many files are open',
  EIO: 'the disk cannot read it',
};

/** Undefined for what is no error of the file system. */
export function fileProblem(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  return `${PROBLEMS[code] ?? 'it cannot be read'} (${code})`;
}
