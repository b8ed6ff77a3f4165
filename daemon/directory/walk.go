package directory

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/link"
)

// perPage is how many entries are asked for at once: a thousand groups of each
// still fit into what one answer may hold.
const perPage = 100

// Count is how many people Walk would tell of.
func (d *Directory) Count(ctx context.Context) (n int, err error) {
	err = d.everybody(ctx, []string{"1.1"}, func(entries []*ldap.Entry) error {
		n += len(entries)
		return nil
	})
	return n, err
}

// Walk tells of everybody whom the filter could find by a name and the account
// filter lets in, in the directory's order, page by page, so that memory stays
// small however many they are. Somebody whose entry has no usable id is told of
// by the name alone. An error of each ends the walk.
func (d *Directory) Walk(ctx context.Context, each func(account.Facts) error) error {
	return d.everybody(ctx, d.reader.attributes(), func(entries []*ldap.Entry) error {
		asOf := d.cfg.Now()
		for _, entry := range entries {
			facts, err := d.reader.facts(entry, asOf)
			if err != nil {
				facts = account.Facts{Subject: account.Subject{Name: entry.GetEqualFoldAttributeValue(d.cfg.NameAttribute)}}
			} else if facts.Groups, err = d.groups(ctx, entry, facts.Name); err != nil {
				return err
			}
			if err := each(facts); err != nil {
				return err
			}
		}
		return nil
	})
}

// groups asks over another connection where it has to ask: the one of the walk
// has a search that is not over.
func (d *Directory) groups(ctx context.Context, entry *ldap.Entry, name string) (groups []string, err error) {
	if d.cfg.GroupFilter == "" {
		return d.reader.groupsOf(ctx, nil, entry, name)
	}
	err = link.First(ctx, d.servers, func(ctx context.Context, c *link.Conn) (err error) {
		groups, err = d.reader.groupsOf(ctx, c, entry, name)
		return err
	})
	return groups, err
}

func (d *Directory) everybody(ctx context.Context, attributes []string, page func([]*ldap.Entry) error) error {
	filter := d.reader.person.Any()
	if d.cfg.AccountFilter != "" {
		filter = filter.And(d.reader.account.Fill(nil))
	}
	err := link.Walk(ctx, d.servers, link.Query{Base: d.cfg.Base, Scope: ldap.ScopeWholeSubtree, Limit: perPage, Filter: filter, Attributes: attributes}, page)
	if err != nil {
		return fmt.Errorf("walking over the directory: %w: %w", account.ErrUnavailable, err)
	}
	return nil
}
