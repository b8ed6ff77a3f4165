package factor

import "fmt"

// The types that carry secrets print themselves without them, so that no log
// line, error or test failure can leak one by accident.

// String prints the enrollment without its entropy.
func (e Enrollment) String() string {
	return fmt.Sprintf("enrollment for %q", e.Account)
}

// GoString prints the same as String, for %#v.
func (e Enrollment) GoString() string { return e.String() }

// String prints the issued record without payload, secret and URI.
func (i Issued) String() string {
	return fmt.Sprintf("issued record of format %d [redacted]", i.Format)
}

// GoString prints the same as String, for %#v.
func (i Issued) GoString() string { return i.String() }

// String prints the record without its payload.
func (r Record) String() string {
	return fmt.Sprintf("record %s of format %d [redacted]", r.ID, r.Format)
}

// GoString prints the same as String, for %#v.
func (r Record) GoString() string { return r.String() }

// String prints the request without its input.
func (r Request) String() string {
	return fmt.Sprintf("request against %d records [redacted]", len(r.Records))
}

// GoString prints the same as String, for %#v.
func (r Request) GoString() string { return r.String() }

// String prints the result without the new payload.
func (r Result) String() string {
	return fmt.Sprintf("%s %s record=%q", r.Verdict, r.Reason, r.Record)
}

// GoString prints the same as String, for %#v.
func (r Result) GoString() string { return r.String() }
