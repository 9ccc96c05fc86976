/*
 * The UPDATE protocol for Spin, with the names of src/move.h, journal.h and lock.h.
 *
 * A file is a few cells. A disk writes a cell whole or not at all. A cell holds zeros,
 * a piece of mail, or the mark of an UPDATE. Every piece of mail is a number that no
 * other has, and later mail has a higher one: a mailbox whose numbers rise has nothing
 * twice and nothing out of order.
 */
#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) >> (n)) & 1)
#define IF(condition, action) if :: condition -> action :: else fi

/*
 * The bounds, which "check" sets:
 *	ORIGINAL, STARTS	cells of mail at the beginning; which of them start a message
 *	SAVED			cells that a record keeps at the most (JOURNAL_SAVED)
 *	SESSIONS, LOGINS	sessions at the same time; logins in all, before a last one
 *	UPDATES			logins after which messages are deleted, any of them
 *	DOTLOCKERS, KERNELERS	deliverers that know the dotlock, or a kernel's lock, only
 *	MAILS			cells that each of them appends, by a write each
 *	REWRITERS		mail programs that write the mailbox anew
 *	KILLS, CUTS, FAILS	of sessions; of the power; syncs that report an error
 *	BUG			a planted error, or 0
 */
#define CELLS (ORIGINAL + MAILS * (DOTLOCKERS + KERNELERS) + REWRITERS)
#define HEAD (ORIGINAL + 9)	/* what the mail program writes before all else */
#define MARK 16			/* the mark of the first UPDATE is 17, and so on */
#define NONE 255

/* Each step of a session that the outside sees; "replay" compares them with the binary. */
mtype = {
	STATE_LOCK, STATE_UNLOCK, FCNTL, FLOCK, DOTLOCK, REMOVE_DOTLOCK, UNFCNTL, UNFLOCK,
	WRITE, WRITE_MARK, SYNC, TRUNCATE, J_ROOM, J_PLAN, J_BODY, J_RECORD, J_SYNC, J_CLEAR,
	ASIDE, ASIDE_SYNC, APPEND, KILL, POWER, SAYS_OK
};
#ifdef REPLAY	/* Only what one of the recorded sessions did is done: see "check". */
byte which, at;
mtype call;
#define CALL(name) call = name; c_code { now.at = follow(now.which, now.at, now.call); }; \
	call = 0; at != 255
#else
#define CALL(name) printf("%d %e\n", _pid, name)
#endif

byte i, n;		/* for atomic steps, at whose end they are 0 */
int set;

/* ---- The mailbox as programs see it, and on the disk. ---- */

byte mem[CELLS], size, dsk[CELLS], dsize;
byte cut = NONE;	/* truncated to here, and not synced since */
short lost;		/* cells that a failed sync left unwritten, and that count as written */

/* Whether a cell cannot be on the disk before the truncation is. See README. */
#ifdef UNORDERED
#define AFTER_CUT(at) false
#else
#define AFTER_CUT(at) (cut != NONE && (at) >= cut)
#endif

inline cut_disk() {
	for (i : cut .. CELLS - 1) { dsk[i] = 0 }
	i = 0; dsize = (dsize < cut -> dsize : cut); cut = NONE
}

/* The kernel may have written the cell just before. */
inline write_cell(at, what) {
	if
	:: mem[at] != dsk[at] && !HAS(lost, at) ->
		IF(AFTER_CUT(at), cut_disk());
		dsk[at] = mem[at]
	:: true
	fi;
	mem[at] = what; lost = lost & ~BIT(at)
}

/* Of two truncations that are not synced, the first may be on the disk alone. */
inline truncate_mailbox(end) {
	if
	:: cut != NONE -> cut_disk()
	:: true
	fi;
	d_step {
		for (i : end .. CELLS - 1) { mem[i] = 0; lost = lost & ~BIT(i) }
		i = 0; size = end; cut = end
	}
}

inline sync_mailbox() {
	d_step {
		for (i : 0 .. CELLS - 1) {
			if
			:: HAS(lost, i) -> set = set | BIT(mem[i])
			:: else -> dsk[i] = mem[i]
			fi
		}
		unsynced = unsynced & set; i = 0; set = 0; dsize = size; cut = NONE
	}
}

/* ---- The journal. ---- */

mtype = { MOVING, MOVED };

typedef Record {
	byte seq;	/* 0: no record */
	mtype stage;
	byte size, first, to, step, saved, mark;
	short left;	/* a bit for each cell of the mailbox that is still to be moved: see plan */
	int witness;
	byte kept[SAVED];	/* the saved cells */
	byte plan;	/* the stamp of its plan, of which no other has it */
	byte stamp	/* its own, and that of its saved cells */
}

/*
 * rec: the three places as programs see them, of which the last is for MOVED; the three on
 * the disk; the record of the session at work; an empty one. Of a plan and of saved cells
 * there is the stamp, or 0 if they are torn: this is what their checksums prove.
 */
#define DISK 3
#define MOVE 6
#define EMPTY 7
Record rec[8];
byte saved[4];	/* for the records of even and of odd numbers; the same on the disk */
byte plan, dplan;
bool jsize, jdsize;	/* whether the file has octets, and on the disk */
bool jcut;		/* cleared, and not synced since */
byte jlost;		/* as "lost": three places, two that are saved, the plan */

inline copy(a, b) {
	rec[b].seq = rec[a].seq; rec[b].stage = rec[a].stage; rec[b].size = rec[a].size;
	rec[b].first = rec[a].first; rec[b].to = rec[a].to; rec[b].step = rec[a].step;
	rec[b].saved = rec[a].saved; rec[b].mark = rec[a].mark; rec[b].left = rec[a].left;
	rec[b].witness = rec[a].witness; rec[b].plan = rec[a].plan; rec[b].stamp = rec[a].stamp;
	for (n : 0 .. SAVED - 1) { rec[b].kept[n] = rec[a].kept[n] }
	n = 0
}

#define TURN (BUG == ONE_PLACE -> 0 : rec[MOVE].seq % 2)
#define PLACE (rec[MOVE].stage == MOVED -> 2 : TURN)
#define SAVES (BUG == ONE_BODY -> 0 : rec[MOVE].seq % 2)
#define WHOLE(r) (rec[r].plan == plan && (rec[r].saved == 0 || \
	saved[(BUG == ONE_BODY -> 0 : rec[r].seq % 2)] == rec[r].stamp))
#define COUNTS(r) (rec[r].seq > 0 && (WHOLE(r) || BUG == NO_BODY_PRINT))

inline clear_disk() {
	copy(EMPTY, DISK); copy(EMPTY, DISK + 1); copy(EMPTY, DISK + 2);
	saved[2] = 0; saved[3] = 0; dplan = 0; jdsize = false; jcut = false
}

inline sync_journal() {
	d_step {
		IF(jcut, clear_disk());
		for (i : 0 .. 2) { IF(!HAS(jlost, i), copy(i, DISK + i)) }
		for (i : 0 .. 1) { IF(!HAS(jlost, 3 + i), saved[2 + i] = saved[i]) }
		IF(!HAS(jlost, 5), dplan = plan);
		i = 0; jdsize = jsize
	}
}

inline journal_clear() {
	d_step {
		copy(EMPTY, 0); copy(EMPTY, 1); copy(EMPTY, 2);
		saved[0] = 0; saved[1] = 0; plan = 0;
		jlost = 0; jsize = false; jcut = jcut || jdsize
	}
}

/* "n" becomes a stamp that no record, plan or saved cells have. */
inline find_stamp() {
	set = BIT(0) | BIT(plan) | BIT(dplan);
	for (i : 0 .. 5) { set = set | BIT(rec[i].stamp) | BIT(rec[i].plan) }
	for (i : 0 .. 3) { set = set | BIT(saved[i]) }
	set = set | BIT(rec[MOVE].plan); n = 1; i = 0;
	do
	:: HAS(set, n) -> n++
	:: else -> break
	od;
	set = 0
}

inline write_plan() {
	d_step { find_stamp(); rec[MOVE].plan = n; n = 0 };
	plan = rec[MOVE].plan; jsize = true; jlost = jlost & ~BIT(5)
}

inline write_saved() {
	saved[SAVES] = rec[MOVE].stamp; jlost = jlost & ~BIT(3 + SAVES)
}

inline write_record() {
	d_step { copy(MOVE, PLACE) };
	jlost = jlost & ~BIT(PLACE)
}

/*
 * A sync that fails may have written some of the journal. The rest stays to be written;
 * with FORGETS it may count as written from then on, as on ext4 and XFS, and so may cells
 * of the mailbox: the next sync succeeds.
 */
#ifdef FORGETS
#define FORGET(set, n) set = set | BIT(n)
#else
#define FORGET(set, n) skip
#endif
inline forget() {
	i = 0;
	do
	:: i < size && mem[i] != dsk[i] -> FORGET(lost, i); i++
	:: i < size -> i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < 3 && rec[i].stamp != rec[DISK + i].stamp -> FORGET(jlost, i); i++
	:: i < 3 && rec[i].seq > 0 && !jcut -> copy(i, DISK + i); jdsize = true; i++
	:: i >= 3 && i < 5 && saved[i - 3] != saved[i - 1] -> FORGET(jlost, i); i++
	:: i >= 3 && i < 5 && saved[i - 3] != 0 && !jcut ->
		saved[i - 1] = saved[i - 3]; jdsize = true; i++
	:: i == 5 && plan != dplan -> FORGET(jlost, i); i++
	:: i == 5 && plan != 0 && !jcut -> dplan = plan; jdsize = true; i++
	:: i < 6 -> i++
	:: else -> break
	od;
	i = 0
}

/* ---- The judge, who knows what mail there must be. ---- */

int alive;		/* pieces of mail that must be there */
int doomed;		/* of these, all or none: an UPDATE is in doubt */
int unsynced;		/* those that their deliverer has not synced yet, */
int unsure;		/* and those that a power cut may have taken from it */
byte newest = ORIGINAL;
bool messy;		/* a mail program rewrote the mailbox while an UPDATE was pending */
byte generation;	/* how often a mail program rewrote it */
byte inside;		/* sessions that have the maildrop */

inline judge() {
	d_step {
		for (i : 0 .. CELLS - 1) {
			if
			:: i < size && mem[i] == 0 -> assert(unsure != 0)
			:: i < size && mem[i] == HEAD -> assert(i == 0); set = set | BIT(HEAD)
			:: i < size && mem[i] != 0 && mem[i] != HEAD ->
				assert(mem[i] < MARK && mem[i] > n); n = mem[i]; set = set | BIT(n)
			:: else
			fi
		}
		assert((set & alive) == alive);
		assert((set & ~(alive | doomed | unsure)) == 0);
		assert((set & doomed) == 0 || (set & doomed) == doomed);
		if
		:: (set & doomed) != 0 && !jcut -> alive = alive | doomed; doomed = 0
		:: (set & doomed) == 0 && cut == NONE -> doomed = 0
		:: else		/* What a killed session cut off or cleared may come back yet. */
		fi;
		set = 0; i = 0; n = 0
	}
}

/* ---- Locks: the number of the process that has it. ---- */

#define LEFT 20		/* a dotlock whose owner is dead; other programs take it for stale, too */
byte state;		/* flock(2) on the state file */
byte kernel;		/* fcntl(2) and flock(2) on the mailbox */
byte dotlock;
byte agent;		/* deliverers do not know each other's lock, and take turns by this one */
bool slow;		/* a sync takes so long that a deliverer breaks our dotlock */
byte running, dead;	/* processes, as bits; dead: it has yet to forget what it did */
byte logins = LOGINS, updates = UPDATES, kills = KILLS, cuts = CUTS, fails = FAILS, marks;

#define FREE(lock) (lock == 0 || (lock == LEFT && BUG != LEFT_STAYS))

/* All or none. Nothing is held while we wait, and our patience may end at any time. */
#define LOCK_TAKE(busy) \
	do \
	:: atomic { if :: kernel == 0 || BUG == NO_KERNEL_LOCK -> \
			CALL(FCNTL); CALL(FLOCK); IF(BUG != NO_KERNEL_LOCK, kernel = _pid) \
		:: else -> goto busy fi }; \
	   IF(BUG == WAITS_WITH_LOCK, FREE(dotlock)); \
	   atomic { if :: FREE(dotlock) -> IF(dotlock != 0, CALL(REMOVE_DOTLOCK)); \
			CALL(DOTLOCK); dotlock = _pid; break \
		:: BUG == NO_DOTLOCK -> break \
		:: else -> CALL(UNFCNTL); CALL(UNFLOCK); kernel = 0 fi }; \
	   if :: kernel == 0 && FREE(dotlock) :: goto busy fi \
	od

inline lock_drop() {
	atomic {
		IF(dotlock == _pid, CALL(REMOVE_DOTLOCK); dotlock = 0);
		IF(kernel == _pid, CALL(UNFCNTL); CALL(UNFLOCK); kernel = 0)
	}
}

/* ---- update.c ---- */

/* "set" becomes how many cells of the runs are before "limit". */
inline count_left(limit) {
	set = 0;
	for (i : 0 .. CELLS - 1) { set = set + (i < limit -> HAS(rec[MOVE].left, i) : 0) }
	i = 0
}

/* "n" becomes where the cell number "which" of the runs is. */
inline find_left(which) {
	set = which; n = 0;
	do
	:: HAS(rec[MOVE].left, n) && set == 0 -> break
	:: else -> set = set - HAS(rec[MOVE].left, n); n++
	od
}

inline plan_step() {
	d_step {
		find_left(0);
		rec[MOVE].stage = MOVING;
		rec[MOVE].step = (n - rec[MOVE].to > 1 + SAVED -> n - rec[MOVE].to - 1 : SAVED);
		count_left(CELLS);
		rec[MOVE].step = (set < rec[MOVE].step -> set : rec[MOVE].step);
		count_left(rec[MOVE].to + rec[MOVE].step + 1);
		rec[MOVE].saved = (set < rec[MOVE].step -> set : rec[MOVE].step);
		IF(BUG == NOTHING_SAVED, rec[MOVE].saved = 0);
		set = 0; n = 0
	}
}

/* "set" becomes the cells before the first deleted message, after the step, at the old end. */
inline read_witness() {
	n = rec[MOVE].to + rec[MOVE].step + 1;
	set = (rec[MOVE].first > 0 -> mem[rec[MOVE].first - 1] : 0) * 1024;
	set = set + (n < rec[MOVE].size -> mem[n] : 0) * 32;
	IF(BUG != WITNESS_NO_END, set = set + (n < rec[MOVE].size -> mem[rec[MOVE].size - 1] : 0));
	IF(BUG == NO_WITNESS, set = 0);
	n = 0
}

inline make_record() {
	d_step {
		read_witness(); rec[MOVE].witness = set;
		for (i : 0 .. SAVED - 1) { rec[MOVE].kept[i] = 0 }
		i = 0;
		do
		:: i < rec[MOVE].saved -> find_left(i); rec[MOVE].kept[i] = mem[n]; i++
		:: else -> break
		od;
		rec[MOVE].seq++; find_stamp();
		rec[MOVE].stamp = n; n = 0
	}
}

inline advance() {
	d_step {
		rec[MOVE].to = rec[MOVE].to + rec[MOVE].step;
		for (i : 1 .. rec[MOVE].step) { find_left(0); rec[MOVE].left = rec[MOVE].left & ~BIT(n) }
		i = 0; n = 0; rec[MOVE].step = 0; rec[MOVE].saved = 0
	}
}

/* Mail that was delivered after the crash is one more run. */
inline add_delivered() {
	d_step {
		for (i : rec[MOVE].size .. size - 1) {
			IF(BUG != DELIVERED_FORGOTTEN, rec[MOVE].left = rec[MOVE].left | BIT(i))
		}
		i = 0; rec[MOVE].size = size
	}
}

#define MARK_STANDS (size > rec[MOVE].to && mem[rec[MOVE].to] == rec[MOVE].mark)

/* DELE of any messages; of two cells at least, one of which is for the mark. */
inline make_runs() {
	rec[MOVE].first = NONE; rec[MOVE].size = size; i = 0;
	do
	:: i < indexed ->
		if	/* A message starts, and is deleted or not. */
		:: i == 0 || mem[i] > ORIGINAL || HAS(STARTS, mem[i]) -> gone = true
		:: i == 0 || mem[i] > ORIGINAL || HAS(STARTS, mem[i]) -> gone = false
		:: else
		fi;
		if
		:: gone -> doomed = doomed | BIT(mem[i]); n++;
			rec[MOVE].first = (rec[MOVE].first == NONE -> i : rec[MOVE].first)
		:: !gone && rec[MOVE].first != NONE -> rec[MOVE].left = rec[MOVE].left | BIT(i)
		:: else
		fi;
		i++
	:: else -> break
	od;
	doomed = doomed & ~BIT(0);
	skip; d_step {
		for (i : indexed .. size - 1) { rec[MOVE].left = rec[MOVE].left | BIT(i) }
		gone = (n >= 2); i = 0; n = 0; rec[MOVE].to = rec[MOVE].first
	}
}
#ifdef BREAKS
#define SLOW slow = true; /* and others take steps now */
#else
#define SLOW
#endif
#define SYNC_MAILBOX(failed) SLOW atomic { slow = false; CALL(SYNC); \
	if :: sync_mailbox() :: fails > 0 -> fails--; forget(); goto failed fi }
#define SYNC_JOURNAL(failed) SLOW atomic { slow = false; CALL(J_SYNC); \
	if :: sync_journal() :: fails > 0 -> fails--; forget(); goto failed fi }

/* ---- session.c: one login, which may be that of -r, and its UPDATE. ---- */

inline serve() {
	atomic {
		IF(logins == 0, goto in_use); logins--; CALL(STATE_LOCK);
		if
		:: state == 0 || BUG == NO_STATE_LOCK -> state = _pid; inside++; assert(inside == 1)
		:: else -> goto in_use
		fi
	};
	if	/* -r removes a dotlock before it takes any lock. */
	:: atomic { dotlock == LEFT && BUG != LEFT_STAYS -> CALL(REMOVE_DOTLOCK); dotlock = 0 }
	:: true
	fi;
	LOCK_TAKE(leave);
	IF(!jsize, goto index);

	/* update_recover */
	recovers = true;
	atomic {
		for (i : 0 .. 2) {
			IF(COUNTS(i) && rec[i].seq > rec[MOVE].seq, d_step { copy(i, MOVE) })
		}
		i = 0;
		IF(rec[MOVE].seq == 0, goto clear);
		IF(!WHOLE(MOVE), rec[MOVE].left = rec[MOVE].left >> 1)
	};
	/* journal_affirm */
	IF(BUG == LOAD_NO_SYNC, goto affirmed);
	IF(BUG == SYNC_ALONE, goto written);
	atomic { CALL(J_PLAN); jlost = jlost & ~BIT(5) };
	atomic { IF(rec[MOVE].saved > 0, CALL(J_BODY); jlost = jlost & ~BIT(3 + SAVES)) };
	atomic { CALL(J_RECORD); write_record() };
written:
	SYNC_JOURNAL(pending);
affirmed:
	atomic {
		IF(rec[MOVE].stage == MOVED && !MARK_STANDS, goto is_truncated);
		read_witness();
		if
		:: size < rec[MOVE].size || set != rec[MOVE].witness -> set = 0; goto set_aside
		:: else -> set = 0
		fi;
		IF(rec[MOVE].stage == MOVING, goto do_step)
	};
	SYNC_MAILBOX(pending);
	add_delivered(); goto finish;
is_truncated:
	IF(BUG != TRUNCATED_NO_SYNC, SYNC_MAILBOX(pending)); goto clear;
set_aside:
	CALL(ASIDE); CALL(ASIDE_SYNC); goto clear;

finish:
	atomic {
		assert(!messy);
		steps++; assert(steps <= CELLS + 1);
		if
		:: rec[MOVE].left != 0 -> plan_step()
		:: else -> IF(rec[MOVE].stage == MOVED, goto truncate);
			rec[MOVE].stage = MOVED; IF(BUG == NO_MOVED_RECORD, goto truncate)
		fi;
		make_record()
	};
	/* record_state */
	atomic { IF(rec[MOVE].saved > 0, CALL(J_BODY); write_saved()) };
	atomic { CALL(J_RECORD); write_record() };
	IF(BUG != STEP_BEFORE_RECORD, SYNC_JOURNAL(no_record));
	IF(rec[MOVE].stage == MOVED, goto truncate);
do_step:
	assert(!messy); j = 0;
	do
	:: atomic { j < rec[MOVE].step -> CALL(WRITE); find_left(j); set = mem[n];
		IF(j < rec[MOVE].saved, set = rec[MOVE].kept[j]);
		n = rec[MOVE].to + j; write_cell(n, set); j++; n = 0; set = 0 }
	:: else -> break
	od;
	atomic {
		count_left(CELLS); n = rec[MOVE].to + rec[MOVE].step;
		IF(rec[MOVE].step == set && BUG != NO_MARK,
			CALL(WRITE_MARK); write_cell(n, rec[MOVE].mark));
		j = 0; set = 0; n = 0
	};
	IF(BUG != STEP_NO_SYNC, SYNC_MAILBOX(pending));
	atomic { advance(); IF(recovers, add_delivered()); goto finish };
truncate:
	IF(BUG == CLEAR_BEFORE_TRUNCATE, journal_clear());
	/* Delivered by a program that took our dotlock for stale: recovery keeps it. */
	IF(size != rec[MOVE].size && BUG != NO_SIZE_LOOK, goto pending);
	atomic { CALL(TRUNCATE); truncate_mailbox(rec[MOVE].to) };
	IF(BUG != TRUNCATE_NO_SYNC, SYNC_MAILBOX(pending));
clear:
	atomic { CALL(J_CLEAR); journal_clear() };
	IF(!recovers, goto done);

index:
	atomic {
		IF(messy, goto leave);	/* as the other program made it: no step was done */
		judge();
		indexed = size; known = generation; recovers = false; steps = 0;
		d_step { copy(EMPTY, MOVE) }
	};
	lock_drop();

	/* QUIT: update_commit */
	if
	:: updates > 0 -> updates--
	:: told = true; goto leave	/* nothing is deleted */
	fi;
	LOCK_TAKE(leave);
	atomic {
		IF(known != generation && BUG != NO_CHECK, goto leave);
		unsure = unsure | doomed; doomed = 0; make_runs();
		IF(!gone, doomed = 0; goto leave);
		doomed = doomed & ~unsure; alive = alive & ~doomed; gone = false;
		marks++; rec[MOVE].mark = MARK + marks;
		IF(rec[MOVE].left != 0, goto begin)
	};
	atomic { CALL(TRUNCATE); truncate_mailbox(rec[MOVE].first) };
	IF(BUG != OK_EARLY, SYNC_MAILBOX(pending)); goto done;
begin:
	IF(BUG != FIRST_NO_SYNC, SYNC_MAILBOX(unbegun));
	atomic { CALL(J_ROOM); jsize = true };
	atomic { CALL(J_PLAN); write_plan() };
	goto finish;
done:	/* +OK will be said. */
	skip; d_step {
		assert(cut == NONE && dsize >= rec[MOVE].to);
		for (i : 0 .. rec[MOVE].to - 1) { assert(mem[i] == dsk[i]) }
		i = 0; doomed = 0; told = true
	};
	goto leave;
unbegun:	/* The state file is cleared and synced all the same. */
	atomic { CALL(J_CLEAR); journal_clear() };
	SYNC_JOURNAL(pending); goto refused;
no_record:
	IF(recovers || rec[MOVE].seq > 1, goto pending);
	atomic { CALL(J_CLEAR); journal_clear() };
	IF(BUG != DISCARD_NO_SYNC, SYNC_JOURNAL(pending));
refused:	/* -ERR will be said: nothing is removed. */
	alive = alive | doomed; doomed = 0;
pending:	/* -ERR: or it may still be. */
leave:
	skip; lock_drop();
	atomic { CALL(STATE_UNLOCK); state = 0; inside--; d_step { copy(EMPTY, MOVE) } };
	atomic { IF(told, CALL(SAYS_OK)) };
in_use:
	forget_all()
}

inline forget_all() {
	j = 0; indexed = 0; known = 0; steps = 0; gone = false; recovers = false; told = false
}

proctype Session() {
	byte j, indexed, known, steps;
	bool recovers, gone, told;
	running = running | BIT(_pid);
	do
	:: logins == 0 -> break
	:: logins > 0 -> { serve() } unless {
		atomic { HAS(dead, _pid) -> dead = dead & ~BIT(_pid); forget_all() } }
	od;
	running = running & ~BIT(_pid)
}

/* ---- The others, who know nothing of journals. ---- */

inline append() {
	CALL(APPEND); newest++; write_cell(size, newest); size++; j++;
	unsynced = unsynced | BIT(newest); alive = alive | BIT(newest)
}

proctype Deliverer(bool knows_dotlock) {
	byte j;
	running = running | BIT(_pid);
	{
		atomic {
			agent == 0 && (knows_dotlock -> dotlock == 0 || dotlock == LEFT || slow :
				kernel == 0) -> agent = _pid;
			if
			:: knows_dotlock -> dotlock = _pid
			:: else -> kernel = _pid
			fi;
			append()
		};
		do
		:: atomic { j < MAILS -> append() }
		:: else -> break
		od;
		atomic {
#ifndef LAZY
			sync_mailbox();
#endif
			IF(dotlock == _pid, dotlock = 0); IF(kernel == _pid, kernel = 0); agent = 0
		}
	} unless { atomic { HAS(dead, _pid) -> dead = dead & ~BIT(_pid); j = 0 } };
	running = running & ~BIT(_pid)
}

/* Takes the dotlock first, then waits for the kernel's. What it wrote is whole and synced. */
proctype Rewriter() {
	running = running | BIT(_pid);
	{
		atomic { dotlock == 0 || dotlock == LEFT -> dotlock = _pid };
		atomic { kernel == 0 -> kernel = _pid };
		atomic {
			if
			:: size > 0 -> set = BIT(mem[0]); size--;	/* The first cell goes, */
				for (i : 1 .. CELLS - 1) { mem[i - 1] = mem[i] }
				mem[CELLS - 1] = 0
			:: size > 0 -> size--; set = BIT(mem[size]); mem[size] = 0;	/* or the last, */
				n = (size >= rec[0].size && size >= rec[1].size && size >= rec[2].size)
			:: true -> size++;	/* or one comes before all else. */
				for (i : 1 .. CELLS - 1) { mem[CELLS - i] = mem[CELLS - i - 1] }
				mem[0] = HEAD; alive = alive | BIT(HEAD)
			fi;
			alive = alive & ~set; doomed = doomed & ~set; unsure = unsure & ~set;
			/* To the journal, mail that goes again was never there. */
			messy = messy || (jsize && n == 0);
			set = 0; i = 0; n = 0; generation++;
			sync_mailbox()
		};
		atomic { dotlock = 0; kernel = 0 }
	} unless { atomic { HAS(dead, _pid) -> dead = dead & ~BIT(_pid) } };
	running = running & ~BIT(_pid)
}

/* ---- What may come at any moment. ---- */

inline kill_session() {
	CALL(KILL);
	dead = dead | BIT(state);
	IF(kernel == state, kernel = 0); IF(dotlock == state, dotlock = LEFT);
	state = 0; inside = 0; slow = false;
	d_step { copy(EMPTY, MOVE) }
}

/* Of what was not synced each part may be on the disk, or not. */
inline cut_power() {
	CALL(POWER);
	if
	:: cut != NONE -> cut_disk()
	:: cut != NONE ->
		IF(AFTER_CUT(NONE - 1), size = dsize);
		for (i : 0 .. CELLS - 1) { mem[i] = (AFTER_CUT(i) -> dsk[i] : mem[i]) }
		cut = NONE
	:: else
	fi;
	i = 0;
	do
	:: i < size && mem[i] != dsk[i] && !HAS(lost, i) -> dsk[i] = mem[i]; i++
	:: i < size -> i++
	:: else -> break
	od;
	do
	:: dsize < size -> dsize++
	:: break
	od;
	if
	:: jcut -> clear_disk()
	:: jcut -> jcut = false
	:: else
	fi;
	i = 0;
	do
	:: i < 3 && rec[i].seq > 0 && !HAS(jlost, i) -> copy(i, DISK + i); i++
	:: i < 3 -> i++
	:: i >= 3 && i < 5 && saved[i - 3] != saved[i - 1] && !HAS(jlost, i) ->
		if
		:: saved[i - 3] != 0 -> saved[i - 1] = saved[i - 3]
		:: saved[i - 1] = 0
		fi; i++
	:: i >= 3 && i < 5 -> i++
	:: else -> break
	od;
	if
	:: plan != 0 && !HAS(jlost, 5) -> dplan = plan
	:: plan != dplan && !HAS(jlost, 5) -> dplan = 0
	:: true
	fi;
	if
	:: jdsize = jdsize || jsize
	:: true
	fi;
	IF(!jdsize, clear_disk());
	d_step {	/* The machine starts again. */
		size = dsize;
		for (i : 0 .. CELLS - 1) { dsk[i] = (i < size -> dsk[i] : 0); mem[i] = dsk[i] }
		for (i : 0 .. 2) { copy(DISK + i, i) }
		saved[0] = saved[2]; saved[1] = saved[3]; plan = dplan;
		copy(EMPTY, MOVE);
		i = 0; jsize = jdsize; lost = 0; jlost = 0;
		unsure = unsure | unsynced;
		alive = alive & ~unsynced; doomed = doomed & ~unsynced; unsynced = 0;
		dead = running; state = 0; inside = 0; kernel = 0; agent = 0; slow = false
	};
	if
	:: dotlock = (dotlock != 0 -> LEFT : 0)
	:: dotlock = 0
	fi
}

#define START(number, kind) i = 0; do :: i < number -> run kind; i++ :: else -> break od

init {
	atomic {
		for (i : 0 .. ORIGINAL - 1) {
			mem[i] = i + 1; dsk[i] = i + 1; alive = alive | BIT(i + 1)
		}
		size = ORIGINAL; dsize = ORIGINAL;
#ifdef PLANTING
		c_code { now.bug = atoi(getenv("PLANTED")); }
#endif
#ifdef REPLAY
		select (which : 0 .. REPLAY - 1);
#endif
		START(SESSIONS, Session()); START(REWRITERS, Rewriter());
		START(DOTLOCKERS, Deliverer(true)); START(KERNELERS, Deliverer(false));
		i = 0
	};
	do
	:: atomic { kills > 0 && state != 0 && !HAS(dead, state) -> kills--; kill_session() }
	:: atomic { cuts > 0 && dead == 0 -> cuts--; cut_power() }
	:: atomic { _nr_pr == 1 -> break }
	od;
	/* A last login, to which nothing happens, leaves nothing to do. */
	atomic { logins = 1; updates = 0; fails = 0; kills = 0; cuts = 0; run Session() };
	_nr_pr == 1;
	assert(!jsize && state == 0 && kernel == 0 && (dotlock == 0 || BUG == LEFT_STAYS))
}
