// A server made of go-imap and its memory store: one store an account, made by the first login with its password.
//
//	goimap ADDRESS
package main

import (
	"errors"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/backend"
	"github.com/emersion/go-imap/backend/memory"
	"github.com/emersion/go-imap/server"
)

// The memory store knows no locks, and clients come with several connections: one lock for all.
var lock sync.Mutex

type account struct {
	password string
	user     backend.User
}

type accounts map[string]*account

func (all accounts) Login(info *imap.ConnInfo, name, password string) (backend.User, error) {
	lock.Lock()
	defer lock.Unlock()
	found := all[name]
	if found == nil {
		store, err := memory.New().Login(info, "username", "password")
		if err != nil {
			return nil, err
		}
		inbox, err := store.GetMailbox("INBOX")
		if err != nil {
			return nil, err
		}
		inbox.(*memory.Mailbox).Messages = nil
		found = &account{password, &user{store}}
		all[name] = found
	}
	if found.password != password {
		return nil, errors.New("Bad username or password")
	}
	return found.user, nil
}

type user struct{ backend.User }

func (u *user) ListMailboxes(subscribed bool) ([]backend.Mailbox, error) {
	lock.Lock()
	defer lock.Unlock()
	found, err := u.User.ListMailboxes(subscribed)
	for i, box := range found {
		found[i] = &mailbox{box}
	}
	return found, err
}

func (u *user) GetMailbox(name string) (backend.Mailbox, error) {
	lock.Lock()
	defer lock.Unlock()
	found, err := u.User.GetMailbox(name)
	if err != nil {
		return nil, err
	}
	return &mailbox{found}, nil
}

func (u *user) CreateMailbox(name string) error {
	lock.Lock()
	defer lock.Unlock()
	return u.User.CreateMailbox(name)
}

func (u *user) DeleteMailbox(name string) error {
	lock.Lock()
	defer lock.Unlock()
	return u.User.DeleteMailbox(name)
}

type mailbox struct{ backend.Mailbox }

func (m *mailbox) Status(items []imap.StatusItem) (*imap.MailboxStatus, error) {
	lock.Lock()
	defer lock.Unlock()
	return m.Mailbox.Status(items)
}

func (m *mailbox) ListMessages(uid bool, set *imap.SeqSet, items []imap.FetchItem, found chan<- *imap.Message) error {
	all := make(chan *imap.Message, 1_000_000)
	lock.Lock()
	err := m.Mailbox.ListMessages(uid, set, items, all)
	lock.Unlock()
	for message := range all {
		found <- message
	}
	close(found)
	return err
}

func (m *mailbox) SearchMessages(uid bool, criteria *imap.SearchCriteria) ([]uint32, error) {
	lock.Lock()
	defer lock.Unlock()
	return m.Mailbox.SearchMessages(uid, criteria)
}

func (m *mailbox) CreateMessage(flags []string, date time.Time, body imap.Literal) error {
	lock.Lock()
	defer lock.Unlock()
	return m.Mailbox.CreateMessage(flags, date, body)
}

func (m *mailbox) UpdateMessagesFlags(uid bool, set *imap.SeqSet, op imap.FlagsOp, flags []string) error {
	lock.Lock()
	defer lock.Unlock()
	return m.Mailbox.UpdateMessagesFlags(uid, set, op, flags)
}

func (m *mailbox) Expunge() error {
	lock.Lock()
	defer lock.Unlock()
	return m.Mailbox.Expunge()
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	imapServer := server.New(accounts{})
	imapServer.AllowInsecureAuth = true
	log.Fatal(imapServer.Serve(listener))
}
