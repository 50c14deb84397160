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

/** What a program prints that finds `node`, `user`, `rest` (further arguments) and devnode's Mailbox. */
async function python(program, ...args) {
  const head =
    "import sys; from devnode.imap_account import Mailbox; from devnode.settings import load\n" +
    "node, user, rest = load(sys.argv[1]), sys.argv[2], sys.argv[3:]\n";
  const words = ["-c", head + program, name, ...args];
  return (await run(join(root, ".venv/bin/python"), words, { cwd: root })).stdout;
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

  /** Runs an action of an instance and gives its output. */
  async action(id, action, data = {}) {
    const words = ["run", `module/${id}/${action}`, "--data", JSON.stringify(data)];
    return JSON.parse((await this.command("api-cli", ...words)) || "null");
  }

  /** Restarts, stops or starts the service of an instance. */
  service(id, verb) {
    return this.command("runagent", "-m", id, "systemctl", "--user", verb, "imapsync");
  }

  /** Ends every process of the container of an instance at once. */
  killContainer(id) {
    return this.command("runagent", "-m", id, "podman", "kill", "--signal", "KILL", "imapsync");
  }

  /** Takes the node down as a power cut does, and up again; what is on its disk stays. */
  reboot() {
    return python(
      "from devnode import layout, lifecycle, managers\n" +
        "for one in layout.module_ids(node): layout.manager(node, one).kill()\n" +
        "managers.core(node).stop()\n" +
        "lifecycle.up(node.name, None)",
      "",
    );
  }

  /** Gives each remote account `r…` so many messages of its own and nothing else, and empties all local mailboxes. */
  fillInboxes(count) {
    return python(
      `
from devnode.remote import ACCOUNTS, Remote
from devnode.testbed import USERS, local_login
for account in (one for one in ACCOUNTS if one[0] == "r" and one[1].isdigit()):
    with Mailbox(Remote(node).login(account)) as mailbox:
        mailbox.empty()
        for number in range(int(rest[0])):
            head = f"Message-ID: <{number}.{account}>\\r\\nSubject: {account} {number}\\r\\n"
            mailbox.append(("INBOX",), f"{head}From: {account}\\r\\n\\r\\nHello.\\r\\n".encode())
for one in USERS:
    with Mailbox(local_login(node, one)) as mailbox:
        mailbox.empty()
`,
      "",
      String(count),
    );
  }

  /** The subjects of the INBOX of each of these local users, sorted. */
  async subjectsOf(users) {
    const printed = await python(
      `
import json
from devnode.testbed import local_login
found = {}
for one in rest:
    with Mailbox(local_login(node, one)) as mailbox:
        found[one] = mailbox.subjects(("INBOX",))
print(json.dumps(found))
`,
      "",
      ...users,
    );
    return JSON.parse(printed);
  }

  /** The exit codes of the runs that ended, by task. */
  async endedRuns(id) {
    const program =
      "import glob, json; print(json.dumps({path: [run['exit_code'] for run in json.load(open(path))['runs']]" +
      " for path in glob.glob('imapsync/*.history')}))";
    return JSON.parse(await this.command("runagent", "-m", id, "python3", "-c", program));
  }

  /** How many messages the journals of all tasks hold. */
  async journalled(id) {
    const program =
      "import glob, sqlite3; print(sum(sqlite3.connect(f'file:{path}?mode=ro', uri=True)" +
      ".execute('SELECT count(*) FROM pair').fetchone()[0] for path in glob.glob('imapsync/*.state')))";
    return Number(await this.command("runagent", "-m", id, "python3", "-c", program));
  }

  /** Every password there is: none may ever come back in a reply. */
  passwords() {
    const { local, remote } = this.accounts;
    return [...new Set([...Object.values(local.passwords), ...Object.values(remote.passwords)])];
  }
}
