/**
 * A devnode that is up with its testbed (`python -m devnode up`, `python -m devnode.testbed up`): its name is in
 * $DEVNODE. A fresh instance of the module is added for the tests and removed after them.
 */
import { execFile, spawn } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const name = process.env.DEVNODE ?? "demo";
const state = join("/var/lib/devnode", name);
/** Where the homes of modules are: /home on a rootless node. */
const homes = process.env.DEVNODE_HOMES ?? join(state, "home");
const IMAGE = process.env.IMAGE_URL ?? "ghcr.io/nethserver/imapsync:latest";

/** The administrator of cluster-admin on every devnode. */
export const ADMIN = { username: "admin", password: "Nethesis,1234" };

/** Runs a program that finds `node`, `user`, `rest` (further arguments) and devnode's Mailbox. */
async function python(program, ...args) {
  const head =
    "import sys; from devnode.imap_account import Mailbox; from devnode.settings import load\n" +
    "node, user, rest = load(sys.argv[1]), sys.argv[2], sys.argv[3:]\n";
  await run(join(root, ".venv/bin/python"), ["-c", head + program, name, ...args], { cwd: root });
}

export class Devnode {
  constructor() {
    const settings = readFileSync(join(state, "env"), "utf8");
    this.origin = /^export DEVNODE_WEB='(.+)'$/m.exec(settings)[1];
    this.accounts = JSON.parse(readFileSync(join(state, "accounts.json"), "utf8"));
  }

  /** Runs a command of the node (`add-module`, `runagent` …) and gives what it printed. */
  async command(program, ...args) {
    const { stdout } = await run(join(state, "bin", program), args, {
      env: { ...process.env, DEVNODE: name },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  }

  /** Adds an instance of the module; gives its id. */
  async addModule() {
    const printed = await this.command("add-module", IMAGE, "1");
    return /["']module_id["']: ["'](\w+)["']/.exec(printed)[1];
  }

  removeModule(id) {
    return this.command("remove-module", "--no-preserve", id);
  }

  /** Runs a command of the remote accounts: `remote("fill", "--user", …)`. */
  async remote(...args) {
    await run(join(root, ".venv/bin/python"), ["-m", "devnode.remote", ...args, "--name", name], {
      cwd: root,
    });
  }

  /** Makes a folder in a remote account. */
  remoteFolder(user, folder) {
    return python(
      "from devnode.remote import Remote\n" +
        "with Mailbox(Remote(node).login(user)) as mailbox: mailbox.create((rest[0],))",
      user,
      folder,
    );
  }

  /** Empties a mailbox of the Mail module. */
  emptyLocal(user) {
    return python(
      "from devnode.testbed import local_login\n" +
        "with Mailbox(local_login(node, user)) as mailbox: mailbox.empty()",
      user,
    );
  }

  /** Makes the Mail module's server refuse or take new messages in a user's INBOX. */
  takesMail(user, takes) {
    const volume = ".local/share/containers/storage/volumes/dovecot-data/_data";
    chmodSync(join(homes, "mail1", volume, user, "Maildir/tmp"), takes ? 0o700 : 0);
  }

  /**
   * A slow line to the remote server, so that a run lasts long enough to be watched.
   *
   * @returns {Promise<{port: number, close: Function}>} a port on the remote server's address
   */
  async slowLine(bitsPerSecond) {
    const { host, port } = this.accounts.remote;
    const settings = {
      ...{ host, port, rtt_s: 0, bits_per_second: bitsPerSecond },
      ...{ cut_after_up: 0, cut_after_down: 0, cut_on: "", max_cuts: 0, record: false },
    };
    const line = spawn(join(root, ".venv/bin/python"), [
      join(root, "tests/servers/link.py"),
      JSON.stringify(settings),
    ]);
    const printed = await new Promise((resolve) => line.stdout.once("data", resolve));
    // The line ends with its standard input.
    return { port: Number(printed), close: () => line.stdin.end() };
  }

  /** Stops or starts the Mail module's server. */
  mail(verb) {
    return this.command("runagent", "-m", "mail1", "systemctl", "--user", verb, "dovecot");
  }

  /** Every password there is: none may ever come back in a reply. */
  passwords() {
    const { local, remote } = this.accounts;
    return [...new Set([...Object.values(local.passwords), ...Object.values(remote.passwords)])];
  }
}
