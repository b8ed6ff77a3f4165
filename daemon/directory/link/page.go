package link

import (
	"context"
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
	request := ldap.NewSearchRequest(q.Base, q.Scope, ldap.NeverDerefAliases, 0, 0, false, q.Filter.text, q.Attributes, []ldap.Control{page})
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
