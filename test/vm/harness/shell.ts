/** Shell commands that run elsewhere: in the guest, or at the far end of its cables. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, type CommandEnd } from './command.ts';

export interface ShellOptions {
  /** Milliseconds until the command is killed. Default: 60 000. */
  readonly timeout?: number;
}

interface ShellFiles {
  /** Directory for the commands' files. */
  readonly directory: string;
  /** The same directory as the commands see it. */
  readonly seenAt: string;
  /** Begins the files' names, which no other shell in the directory uses. */
  readonly prefix: string;
}

export abstract class Shell<Options extends ShellOptions = ShellOptions> {
  readonly #files: ShellFiles;
  readonly #commands = new Map<string, Command>();
  #nextId = 0;
  #closed = false;

  constructor(files: ShellFiles) {
    this.#files = files;
  }

  /** Starts a shell command, in the working tree. Throws once the guest is closed. */
  start(command: string, options?: Options): Command {
    if (this.#closed) throw new Error('the guest is closed');
    const id = `${this.#files.prefix}${this.#nextId++}`;
    const files = join(this.#files.directory, id);
    for (const [suffix, text] of Object.entries({ sh: command, out: '', err: '' })) {
      writeFileSync(`${files}.${suffix}`, text);
    }
    const started = new Command(command, files, options?.timeout ?? 60_000, (signal) => this.signal(id, signal));
    this.#commands.set(id, started);
    this.launch(id, options);
    return started;
  }

  /** Runs a shell command to its end. */
  async run(command: string, options?: Options): Promise<CommandEnd> {
    return this.start(command, options).ended;
  }

  /** Standard output of a command, without the last line's end; rejects if it fails. */
  async output(command: string, options?: Options): Promise<string> {
    const { status, stdout, stderr } = await this.run(command, options);
    if (status !== 0) throw new Error(`exit status ${status}: ${command}\n${stdout}${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** Starts JavaScript (a module) with Node. Modules of the built package are imported by `built(path)`. */
  startScript(source: string, options?: Options): Command {
    const name = `${this.#files.prefix}script-${this.#nextId}.mjs`;
    writeFileSync(join(this.#files.directory, name), source);
    return this.start(`exec node --enable-source-maps ${this.#files.seenAt}/${name}`, options);
  }

  /** Runs JavaScript with Node and resolves to the JSON that it printed; rejects if it fails. */
  async script(source: string, options?: Options): Promise<unknown> {
    const { status, stdout, stderr } = await this.startScript(source, options).ended;
    if (status !== 0) throw new Error(`exit status ${status}\n${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  /** Runs the file `id`.sh, its output to `id`.out and `id`.err, and reports its end to `ended`. */
  protected abstract launch(id: string, options: Options | undefined): void;

  /** Sends a signal to a command and its children. */
  protected abstract signal(id: string, name: string): void;

  /** A command has ended, with its exit status. */
  protected ended(id: string, status: number): void {
    this.#commands.get(id)?.exited(status);
    this.#commands.delete(id);
  }

  /** No command runs any more, and none will. */
  protected lose(error: Error): void {
    this.#closed = true;
    for (const command of this.#commands.values()) command.lost(error);
    this.#commands.clear();
  }
}
