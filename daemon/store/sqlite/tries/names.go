package tries

// mostNamed is of how many tries, at least, memory knows the bucket.
const mostNamed = 1 << 15

// names tells in which bucket a try is that may be taken back. Those that were
// wrong are never taken; so the older half goes when there are too many. A try
// that is not here is looked for in the whole table.
type names struct{ young, old map[int64]string }

func (n *names) add(number int64, bucket string) {
	if len(n.young) >= mostNamed {
		n.old, n.young = n.young, nil
	}
	if n.young == nil {
		n.young = map[int64]string{}
	}
	n.young[number] = bucket
}

func (n *names) take(number int64) (bucket string, known bool) {
	if bucket, known = n.young[number]; known {
		delete(n.young, number)
		return bucket, true
	}
	bucket, known = n.old[number]
	delete(n.old, number)
	return bucket, known
}
