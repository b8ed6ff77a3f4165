package throttle

import (
	"slices"
	"time"
)

// The policies are pure: the same history gives the same wait on every node
// and after every restart. Each is the longest of its waits, so that whoever
// waits as long as told may go ahead.

// firstWait lets FirstQuick passwords pass, then asks for 1, 2, 4 ... seconds
// up to FirstMaxWait after the last, and for patience once the hour is spent.
func (t *Throttle) firstWait(earlier []time.Time, now time.Time) time.Duration {
	return t.firstWaitOf(earlier, now, 1)
}

// firstWaitTight is firstWait with numbers that are tight times smaller.
func (t *Throttle) firstWaitTight(earlier []time.Time, now time.Time) time.Duration {
	return t.firstWaitOf(earlier, now, tight)
}

func (t *Throttle) firstWaitOf(earlier []time.Time, now time.Time, by int) time.Duration {
	recent := since(earlier, now.Add(-hour))
	return max(
		spent(recent, max(1, t.limits.Load().FirstPerHour/by), hour, now),
		stepped(recent, now, steps{quick: max(1, t.limits.Load().FirstQuick/by), first: time.Second, longest: t.limits.Load().FirstMaxWait}))
}

// secondWait lets SecondQuick codes pass, but no more in any minute, then asks
// for 30 s, 1 min ... up to an hour after the last, and for patience once the
// day or the month is spent.
func (t *Throttle) secondWait(earlier []time.Time, now time.Time) time.Duration {
	recent := since(earlier, now.Add(-day))
	return max(
		spent(since(earlier, now.Add(-month)), t.limits.Load().SecondPerMonth, month, now),
		spent(recent, t.limits.Load().SecondPerDay, day, now),
		spent(since(recent, now.Add(-time.Minute)), t.limits.Load().SecondQuick, time.Minute, now),
		stepped(recent, now, steps{quick: t.limits.Load().SecondQuick, first: 30 * time.Second, longest: hour}))
}

// ahead is how far the clock of whoever wrote a try may be before ours.
const ahead = time.Minute

// past is the history without the future. A clock that was put right leaves
// tries that have not happened yet; to wait for them, or to call them tries of
// just now for as long as they lie ahead, would keep the right password out for
// hours or years. What lies hardly ahead is another clock's now.
func past(earlier []time.Time, now time.Time) []time.Time {
	n := len(earlier)
	for n > 0 && earlier[n-1].Sub(now) > ahead {
		n--
	}
	kept := slices.Clone(earlier[:n])
	for i := n - 1; i >= 0 && kept[i].After(now); i-- {
		kept[i] = now
	}
	return kept
}

// since returns the times after the given one; times are sorted.
func since(times []time.Time, after time.Time) []time.Time {
	for i, at := range times {
		if at.After(after) {
			return times[i:]
		}
	}
	return nil
}

// spent tells how long until one of at most limit tries a window is free again.
func spent(times []time.Time, limit int, window time.Duration, now time.Time) time.Duration {
	if len(times) < limit {
		return 0
	}
	return times[len(times)-limit].Add(window).Sub(now)
}

type steps struct {
	quick          int
	first, longest time.Duration
}

// stepped doubles the wait with every try over the quick ones.
func stepped(times []time.Time, now time.Time, s steps) time.Duration {
	over := len(times) - s.quick
	if over < 0 || len(times) == 0 {
		return 0
	}
	wait := s.longest
	// 2^16 seconds is far over any longest wait; the bound keeps the shift sane.
	if over < 16 {
		wait = min(s.first<<over, s.longest)
	}
	return max(0, times[len(times)-1].Add(wait).Sub(now))
}
