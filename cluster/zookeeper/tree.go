package zookeeper

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"
)

// A child is a member's child as last read.
type child struct {
	data  []byte
	stat  *zk.Stat
	known bool
}

// tree mirrors the path with its members and the founding record in one
// session. Every read arms a watch again.
type tree struct {
	s        *session
	path     string
	record   string // path of the founding record
	acl      []zk.ACL
	open     []zk.ACL          // of the path's parents, which others share
	children map[string]*child // members by name
	founding []byte            // the record's data, nil without one
	armed    map[string]bool   // paths with a watch: the library keeps each one it is asked for
	prepared bool
	guarded  bool // who may write was looked at

	own     string // name of this node's child, empty before it joined
	data    []byte // what it holds
	version int32
}

func newTree(s *session, path, record string, auth bool) *tree {
	open := zk.WorldACL(zk.PermAll)
	acl := open
	if auth {
		acl = append([]zk.ACL{{Perms: zk.PermAll, Scheme: "auth"}}, zk.WorldACL(zk.PermRead)...)
	}
	return &tree{
		s: s, path: path, record: path + "/" + record, acl: acl, open: open,
		children: make(map[string]*child), armed: make(map[string]bool),
	}
}

// prepare creates the path and its parents.
func (t *tree) prepare() error {
	if t.prepared {
		return nil
	}
	at := ""
	for _, part := range strings.Split(strings.Trim(t.path, "/"), "/") {
		at += "/" + part
		ok, _, err := t.s.conn.Exists(at)
		if err == nil && !ok {
			acl := t.open
			if at == t.path {
				acl = t.acl
			}
			_, err = t.s.conn.Create(at, nil, 0, acl)
		}
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return fmt.Errorf("create %s: %w", at, err)
		}
	}
	t.prepared = true
	return nil
}

// exposed reports whether everybody may write to the path although it should
// have the holders of the password alone, as ActiveMQ leaves it.
func (t *tree) exposed() (bool, error) {
	if len(t.acl) == 1 {
		return false, nil
	}
	acl, _, err := t.s.conn.GetACL(t.path)
	if err != nil {
		return false, fmt.Errorf("read the access list of %s: %w", t.path, err)
	}
	return slices.ContainsFunc(acl, func(a zk.ACL) bool {
		return a.Scheme == "world" && a.Perms&^zk.PermRead != 0
	}), nil
}

// protect leaves the path to the holders of the password.
func (t *tree) protect() error {
	if _, err := t.s.conn.SetACL(t.path, t.acl, -1); err != nil {
		return fmt.Errorf("restrict %s: %w", t.path, err)
	}
	return nil
}

// refresh reads again what has changed.
func (t *tree) refresh() error {
	all, dirty := t.s.taken()
	err := t.read(all, dirty)
	if err != nil {
		t.s.spoil()
	}
	return err
}

func (t *tree) read(all bool, dirty map[string]bool) error {
	for path := range dirty {
		delete(t.armed, path)
	}
	if all || dirty[t.path] {
		if err := t.readNames(); err != nil {
			return err
		}
	}
	for name, c := range t.children {
		path := t.path + "/" + name
		if !all && c.known && !dirty[path] {
			continue
		}
		data, stat, err := t.get(path)
		switch {
		case errors.Is(err, zk.ErrNoNode):
			delete(t.children, name)
		case err != nil:
			return fmt.Errorf("read member %s: %w", name, err)
		default:
			*c = child{data: data, stat: stat, known: true}
		}
	}
	if all || dirty[t.record] {
		return t.readRecord()
	}
	return nil
}

// get reads a node, with a watch if it has none.
func (t *tree) get(path string) ([]byte, *zk.Stat, error) {
	if t.armed[path] {
		return t.s.conn.Get(path)
	}
	data, stat, _, err := t.s.conn.GetW(path)
	t.armed[path] = err == nil
	return data, stat, err
}

func (t *tree) readNames() error {
	var names []string
	var err error
	if t.armed[t.path] {
		names, _, err = t.s.conn.Children(t.path)
	} else {
		names, _, _, err = t.s.conn.ChildrenW(t.path)
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", t.path, err)
	}
	t.armed[t.path] = true
	for name := range t.children {
		if !slices.Contains(names, name) {
			delete(t.children, name)
			delete(t.armed, t.path+"/"+name)
		}
	}
	for _, name := range names {
		if isMember(name) && t.children[name] == nil {
			t.children[name] = &child{}
		}
	}
	return nil
}

func (t *tree) readRecord() error {
	if !t.armed[t.record] {
		if _, _, _, err := t.s.conn.ExistsW(t.record); err != nil {
			return fmt.Errorf("look for the founding record: %w", err)
		}
		t.armed[t.record] = true
	}
	data, _, err := t.s.conn.Get(t.record)
	switch {
	case errors.Is(err, zk.ErrNoNode):
		t.founding = nil
		return nil
	case err != nil:
		return fmt.Errorf("read the founding record: %w", err)
	}
	t.founding = data
	return nil
}

// join makes this node a member. What its earlier sessions left behind is
// deleted, once a session; a reply that was lost is made up for by looking for a
// child of this very session.
func (t *tree) join(data []byte, mine func(data []byte) bool) error {
	for name, c := range t.children {
		switch {
		case c.stat == nil:
		case c.stat.EphemeralOwner == t.s.conn.SessionID():
			t.own, t.data, t.version = name, c.data, c.stat.Version
		case mine(c.data):
			if err := t.s.conn.Delete(t.path+"/"+name, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
				return fmt.Errorf("delete stale member %s: %w", name, err)
			}
			delete(t.children, name)
		}
	}
	if t.own != "" {
		return nil
	}
	full, err := t.s.conn.Create(t.path+"/0", data, zk.FlagEphemeral|zk.FlagSequence, t.acl)
	if err != nil {
		t.s.spoil()
		return fmt.Errorf("join %s: %w", t.path, err)
	}
	t.own, t.data, t.version = full[len(t.path)+1:], data, 0
	t.children[t.own] = &child{data: data, stat: &zk.Stat{EphemeralOwner: t.s.conn.SessionID()}}
	return nil
}

// publish brings this node's data up to date, if it changed.
func (t *tree) publish(data []byte) error {
	if t.own == "" || string(data) == string(t.data) {
		return nil
	}
	stat, err := t.s.conn.Set(t.path+"/"+t.own, data, t.version)
	switch {
	case errors.Is(err, zk.ErrBadVersion):
		_, stat, err := t.s.conn.Get(t.path + "/" + t.own)
		if err != nil {
			return fmt.Errorf("read own member: %w", err)
		}
		t.version = stat.Version
		return t.publish(data)
	case err != nil:
		t.s.spoil()
		return fmt.Errorf("update own member: %w", err)
	}
	t.data, t.version = data, stat.Version
	if c := t.children[t.own]; c != nil {
		c.data, c.stat = data, stat
	}
	return nil
}

// claim writes the founding record if there is none yet, and reports whether it
// did. What stands there otherwise is read with the next refresh.
func (t *tree) claim(data []byte) (bool, error) {
	_, err := t.s.conn.Create(t.record, data, 0, t.acl)
	t.s.spoil()
	switch {
	case errors.Is(err, zk.ErrNodeExists):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write the founding record: %w", err)
	}
	t.founding = data
	return true, nil
}

// members gives what the children say; those that nobody can read are left out.
func (t *tree) members() []Member {
	var all []Member
	for name, c := range t.children {
		if m, err := decodeMember(name, c.data); err == nil {
			all = append(all, m)
		}
	}
	return all
}
