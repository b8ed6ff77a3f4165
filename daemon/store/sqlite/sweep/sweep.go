// Package sweep deletes rows that have had their time, a thousand at a time.
//
// It does not know when that is, nor who else must write in between: package
// sqlite, which alone may import it, does.
package sweep

import "github.com/sallyport/sallyport/daemon/store/sqlite/group"

// Place is how far a walk has come; the zero Place is its begin and its end.
type Place struct {
	Number int64
	Text   string
}

// Seen deletes tries that support sees, of before that time, among the next
// ones after the place. It walks, because they are many, few of them are old,
// and an index by time would be written at each login.
func Seen(s *group.Session, after Place, old int64) (next Place, err error) {
	err = s.QueryRow("SELECT IFNULL(MAX(number), 0) FROM (SELECT number FROM try WHERE number > ? ORDER BY number LIMIT 1000)",
		after.Number).Scan(&next.Number)
	if err != nil || next == (Place{}) {
		return Place{}, err
	}
	return next, s.Exec("DELETE FROM try WHERE number > ? AND number <= ? AND at < ?", after.Number, next.Number, old)
}

// Tokens deletes some of the table's tokens that expired before that time. The
// end is where there are none.
func Tokens(s *group.Session, table string, before int64) (next Place, err error) {
	gone, err := s.Run("DELETE FROM "+table+" WHERE (kind, hash) IN (SELECT kind, hash FROM "+table+
		" WHERE expires > 0 AND expires <= ? LIMIT 1000)", before)
	if err != nil {
		return Place{}, err
	}
	next.Number, err = gone.RowsAffected()
	return next, err
}
