"""What a person can do about each reason: a stable code for programs, a sentence for the log."""

from __future__ import annotations

from imapsync.terms import Reason

REMEDIES: dict[Reason, tuple[str, str]] = {
    Reason.AUTHENTICATION: ("check_credentials", "Check the user name and the password."),
    Reason.LOGIN_DROPPED: ("check_user", "Check that the user exists on that server."),
    Reason.NOT_CONNECTED: (
        "check_mailbox",
        "Check that this mailbox exists, has a licence and IMAP switched on, and that this login may use it.",
    ),
    Reason.TOKEN_UNAVAILABLE: (
        "check_token_command",
        "Run the command that gives the token by hand: it must print it and end with 0.",
    ),
    Reason.TOKEN_REFUSED: (
        "sign_in_again",
        "Sign in again, and check that the token belongs to this user.",
    ),
    Reason.TOKEN_EXPIRED: ("renew_token", "Get a new access token: this one has expired or was revoked."),
    Reason.TOKEN_CLOCK: ("check_clock", "Check the clock of this machine: the token is not valid yet."),
    Reason.TOKEN_AUDIENCE: (
        "check_audience",
        "Ask for the token with the mail server's scope: this one is for another service.",
    ),
    Reason.TOKEN_SCOPE: (
        "check_scope",
        "Grant the right to use IMAP (its scope or application permission), then get a new token.",
    ),
    Reason.MAILBOX_NOT_GRANTED: (
        "grant_mailbox",
        "Give this application or user the right to this mailbox (Microsoft 365: Add-MailboxPermission).",
    ),
    Reason.CONNECTION: (
        "check_host_port",
        "Check the server's name, its port and the network, then run again.",
    ),
    Reason.ADDRESS_AVOIDED: (
        "check_address",
        "Check to which address the server's name leads: this one is not to be connected to.",
    ),
    Reason.TLS: ("check_encryption", "Check that this port speaks the encryption that was asked for."),
    Reason.STARTTLS_MISSING: ("use_imaps", "Use the server's imaps port (usually 993) with SSL instead."),
    Reason.PLAINTEXT_REFUSED: (
        "use_encryption",
        "Turn encryption on: the server takes no password without it.",
    ),
    Reason.CERTIFICATE_CHANGED: (
        "confirm_certificate",
        "Ask the server's administrator whether the certificate was replaced; if so, accept the new one.",
    ),
    Reason.CERTIFICATE_UNTRUSTED: (
        "accept_certificate",
        "Compare the fingerprint with the administrator's, then accept exactly that one.",
    ),
    Reason.FOLDER_CREATE: ("map_folder", "Map the folder to another name, or create it by hand."),
    Reason.FOLDER_DELETE: ("delete_folder_by_hand", "Delete the folder by hand if it has to go."),
    Reason.FOLDER_MISSING: ("check_folder_name", "Check the name of the folder."),
    Reason.SUBFOLDER1_MISSING: ("check_folder_name", "Check the name given with --subfolder1."),
    Reason.SELECT: ("check_folder_rights", "Check that the user may open the folder."),
    Reason.APPEND: ("look_at_message", "Look at the server's words: it refuses this message as it is."),
    Reason.NOT_STORED: (
        "run_again",
        "Run again: the destination server confirmed the message, but it is not there.",
    ),
    Reason.FETCH: ("look_at_source", "Open the message in a mail program: the source server cannot give it."),
    Reason.DOUBTFUL: (
        "look_at_source",
        "Open the message in a mail program: what the source server gives is not what it announces.",
    ),
    Reason.FLAGS: ("run_again", "Run again; if it repeats, filter the flag out with --regexflag."),
    Reason.DELETE: ("run_again", "Run again; if it repeats, check the rights on the folder."),
    Reason.OVERQUOTA: (
        "free_space",
        "Free space in the destination mailbox or raise its quota, then run again.",
    ),
    Reason.VIRUS: (
        "remove_attachment",
        "The destination holds it for a virus: check the message and delete it.",
    ),
    Reason.TOO_BIG: ("raise_size_limit", "Raise the largest message size of the destination server."),
    Reason.FILTER: ("check_sieve", "Check the user's Sieve script."),
    Reason.DELIVERY: (
        "check_delivery",
        "Look at what the LMTP service answered; the message stays on host1 and is tried again.",
    ),
    Reason.TRANSFORM: ("check_pattern", "Check the pattern or command that changes messages."),
    Reason.TRANSFER_EXCEEDED: ("run_again", "Run again to copy the rest."),
    Reason.BRAKE_SOURCE_EMPTY: (
        "confirm_deletion",
        "Check the source account; if it is empty on purpose, allow the deletions with --maxdelete2.",
    ),
    Reason.BRAKE_DELETE: (
        "confirm_deletion",
        "Check what would be deleted with --dry; if it is right, allow it with --maxdelete2.",
    ),
    Reason.BRAKE_VANISHED: (
        "confirm_removal",
        "Look at host2: removed on purpose? Say so with --maxvanished2, or copy again with --recopydeleted.",
    ),
    Reason.SOURCE_INCOMPLETE: (
        "look_at_source",
        "Ask the source server's administrator why it does not show all messages, then run again.",
    ),
    Reason.FOLDER_REPLACED: ("run_again", "Run again: the folder is compared anew."),
    Reason.VERIFY: ("run_again", "Run a sync again, then verify again."),
    Reason.PROTOCOL: (
        "try_again_later",
        "Try again later; if it repeats, show the log to the server's administrator.",
    ),
    Reason.TIMEOUT: (
        "try_again_later",
        "Try again later or raise the timeout: the server was silent for too long.",
    ),
    Reason.THROTTLED: ("try_again_later", "Try again later: the server asks to be left alone for a while."),
    Reason.PARKED: ("run_again_later", "Run again at the time given: the server asks to wait until then."),
    Reason.SIGNAL: ("run_again", "Run again: the rest is copied then."),
    Reason.PID_FILE: ("wait", "Wait for the other run to end, or stop it with --abort."),
    Reason.NO_INPUT: ("check_file", "Check the file's name and rights."),
    Reason.OUTPUT: ("check_file", "Check the file's name and rights, and the space where it lies."),
    Reason.USAGE: ("check_options", "Check the options; 'imapsync --help' lists them."),
    Reason.JOURNAL: ("check_disk", "Check space and rights where the --state file lies."),
    Reason.INTERNAL: ("report_defect", "Report this as a defect, with the log."),
}


def remedy_code(reason: Reason) -> str:
    """Give the code of what helps."""
    return REMEDIES[reason][0]


def remedy_text(reason: Reason) -> str:
    """Give the sentence of what helps."""
    return REMEDIES[reason][1]
