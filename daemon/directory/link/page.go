package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// fewest is how small a page may get where a directory allows no larger one.
	fewest = 10
	// patience is how many times the usual time one page may take: the first one
	// of a large directory without an index does.
	patience = 10
)

// Walk runs a query page by page, as Pages, on the first server that answers. One
// that fails in the middle is the end: to begin anew would tell of people twice.
func Walk(ctx context.Context, servers []*Server, q Query, each func([]*ldap.Entry) error) error {
	begun := false
	var ended error
	err := First(ctx, servers, func(ctx context.Context, c *Conn) error {
		if !begun {
			ended = c.Pages(ctx, q, func(entries []*ldap.Entry) error {
				begun = true
				return each(entries)
			})
		}
		return ended
	})
	if err != nil && begun {
		return fmt.Errorf("it ended in the middle; run it again: %w", err)
	}
	return err
}

// First has one server after the other asked, until one has answered.
func First(ctx context.Context, servers []*Server, ask func(ctx context.Context, c *Conn) error) error {
	last := errors.New("no server is up")
	for _, s := range InOrder(servers) {
		if last = s.Search(ctx, ask); last == nil || ctx.Err() != nil {
			break
		}
	}
	return last
}

// Pages runs a query page by page (RFC 2696), of at most Limit entries each, and
// hands on each page before it asks for the next. Each page has a deadline of its
// own; the whole may take as long as pages come. A directory that allows smaller
// pages only is asked for smaller ones; one that knows no pages answers with all.
func (c *Conn) Pages(ctx context.Context, q Query, each func([]*ldap.Entry) error) error {
	usual := c.timeout
	c.timeout *= patience
	c.ldap.SetTimeout(c.timeout + time.Second)
	defer func() {
		c.timeout = usual
		c.ldap.SetTimeout(usual + time.Second)
	}()
	page := ldap.NewControlPaging(uint32(q.Limit))
	request := q.request(0, page)
	for {
		var result *ldap.SearchResult
		err := c.guard(ctx, "search", func() (err error) {
			result, err = c.ldap.Search(request)
			return err
		}, tagSearchEntry, tagSearchDone, tagSearchReference)
		if tooMany(err) && len(page.Cookie) == 0 && page.PagingSize/2 >= fewest {
			page.PagingSize /= 2
			continue
		}
		if tooMany(err) {
			return fmt.Errorf("the directory does not let the service account list everybody, not even in pages of %d: "+
				"raise its limit for that account (slapd: limits dn.exact=... size.prtotal=unlimited): %w", page.PagingSize, codeOnly(err))
		}
		if err != nil {
			return codeOnly(err)
		}
		if err := each(result.Entries); err != nil {
			return err
		}
		next, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return nil
		}
		page.SetCookie(next.Cookie)
	}
}

// tooMany tells whether the directory found a page, or all pages, too large.
func tooMany(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded, ldap.LDAPResultUnwillingToPerform)
}
