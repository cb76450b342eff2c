"""Live loads, and agents standing in sorted queues per pool, kept in order while a batch of alerts is handed out.

An agent who is full leaves every queue. A hand-out moves one agent in the few queues it stands in, by bisection, so a
decision costs microseconds whatever the number of agents. Values only: no session, no clock.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from struct import Struct
from typing import Any

from core.routing.capacity import Load, Reading
from core.routing.directory import Agent, Directory
from core.routing.roster import Roster
from core.routing.strategy import BY_LOAD, Pool

Row = bytes
"""Place of the rank, moving, moving, token, position: big-endian, so that rows sort as these numbers do. Comparing tuples of
them was most of what a hand-out cost."""
_PLACE, _END = Struct(">I"), Struct(">ddII")
_End = tuple[Row, Row]
_LEVEL = _PLACE.size + 16
"""So many bytes of a row say how its agent stands; the rest is the fixed order among equals."""
Key = tuple[Any, ...]
_LAST = b"\xff" * 9
"""After every row that begins with the same."""
_FEW = 20
_MOST_STANDING = 60
"""Queues an agent stands in, on average: with more, handing out costs more than making those anew that a batch looks in."""
_NOTHING = Load()
_NOBODY: frozenset[int] = frozenset()
_BY_LOAD = ("has more room", "has had fewer turns")
_BY_TURN = ("has had fewer turns", "has more room")


def _positions(rows: Iterable[Row]) -> list[int]:
    number = int.from_bytes
    return [number(row[-4:]) for row in rows]


class _Standing:
    """What loads do not change of a pool: who is in it, their ranks and reasons. Kept with the directory between batches."""

    __slots__ = ("members", "order", "places", "said")

    def __init__(self, pool: Pool, among: frozenset[int] | None, directory: Directory) -> None:
        self.order = (*pool.said, *(_BY_LOAD if pool.by == BY_LOAD else _BY_TURN))
        members = frozenset(pool.members)
        if pool.among is not None:
            members &= pool.among
        if among is not None:
            members &= among
        self.members = members
        rank, agents = pool.rank, directory.agents
        ranks = {position: rank(agents[position]) for position in members}
        distinct = {rank: _PLACE.pack(place) for place, rank in enumerate(sorted(set(ranks.values())))}
        self.places: dict[int, bytes] = {position: distinct[rank] for position, rank in ranks.items()}
        """Ranks as numbers that sort alike, as a row begins with them."""
        self.said: dict[int, dict[str, Any]] = {}
        """Per member, what of a candidate's description loads do not change."""


def _standing_of(
    directory: Directory, strategy_id: str, pool: Pool, among: tuple[Key, frozenset[int]] | None = None
) -> _Standing:
    """What loads do not change of a pool, worked out when it is first asked for."""
    key = (strategy_id, pool.key, among[0] if among else None)
    return directory.remember(key, lambda: _Standing(pool, among[1] if among else None, directory))


class _Queue:
    __slots__ = ("by_load", "pool", "rows", "shown", "standing")

    def __init__(self, pool: Pool, standing: _Standing) -> None:
        self.pool = pool
        self.standing = standing
        self.by_load = pool.by == BY_LOAD
        self.rows: list[Row] = []
        self.shown: dict[int, tuple[_End, dict[str, Any]]] = {}
        """Position -> its description, and the load that it tells. Shared between decisions, for as long as the load stays."""


def _nothing(_agent_ids: Collection[str]) -> Iterable[Reading]:
    return ()


class Queues:
    def __init__(
        self,
        directory: Directory,
        roster: Roster,
        loads: Mapping[str, Load],
        *,
        at_most: Mapping[str, int] | None = None,
    ) -> None:
        """`loads` is by agent id, as read in this transaction; `at_most` is how many more some get now, as of a backlog."""
        self.directory = directory
        self.roster = roster
        agents = directory.agents
        read = [loads.get(agent.id, _NOTHING) for agent in agents]
        self.open = [one.open for one in read]
        self.turn = [max(0.0, one.turn) for one in read]
        """Virtual time of the fair queue: one unit an alert, over the agent's weight; the smallest is next. Never below 0, as an
        undo after a change of weight may leave it: rows have no sign."""
        self.units = [one.units for one in read]
        self._today = Today(roster.since)
        self.left = {one: self._left_today(one, read[one].given_on, read[one].given) for one in directory.by_day}
        """How many more today, of those with a limit."""
        for agent_id, most in (at_most or {}).items():
            if (found := directory.by_id.get(agent_id)) is not None:
                self.left[found.position] = min(self.left.get(found.position, most), most)
        opened, capacities = self.open, directory.capacities
        self.full = {position for position in roster.eligible if opened[position] >= capacities[position]}
        self._limited = {*directory.by_units, *self.left} & roster.eligible
        """Who has more than one limit."""
        self.full |= {position for position in self._limited if self._is_full(position)}
        self._by_units = [position for position in directory.by_units if position in roster.eligible]
        self._ends = _Ends(directory, self.units, self.turn)
        self.refused: set[int] = set()
        """Those whom the database refused, whatever their loads say."""
        self.looked: list[_Queue] = []
        """The queues that the choice being made looked in, the one that decided last."""
        self.level = 0
        """How many stood level at the head of the queue that was looked in last: the lot fell on one of them."""
        self.also: list[_Queue] = []
        """Those looked in only to say how likely the choice was."""
        self._asked: set[_Queue] = set()
        """Those that any choice looked in since the loads were read."""
        self._queues: dict[Key, _Queue] = {}
        self._stand = 0
        self._unread: set[int] = set()
        """Whose loads are not known to be true yet: asked for by `more` when a choice comes to them."""
        self._more: Callable[[Collection[str]], Iterable[Reading]] = _nothing
        self._standing: list[list[tuple[_Queue, bytes]]] = [[] for _ in directory.agents]
        """Per agent, the queues they stand in and how their rows begin there."""

    def read_again(self, roster: Roster, loads: Iterable[Reading]) -> bool:
        """Stand as these loads say, for another batch; False where queues made anew serve better: others are on duty, or too many moved.

        Args:
            loads: of everybody, as read in the new transaction. Whatever was counted here before is looked over too: a transaction
                that was rolled back leaves no trace.
        """
        return self._begin(roster, loads)

    def read_as_asked(
        self, roster: Roster, loads: Iterable[Reading], more: Callable[[Collection[str]], Iterable[Reading]]
    ) -> bool:
        """The same for a batch of few: `loads` are only of those who are or were full, or have further limits; whoever else stands
        in a queue that is looked in is read by `more` (ids in, loads out) before."""
        known = list(loads)
        if not self._begin(roster, known):
            return False
        place = self.directory.place_of
        self._unread = set(range(len(self.open))).difference(place.get(row[0]) for row in known)
        self._more = more
        return True

    def rest(self) -> None:
        """The batch is over: nothing more is read in its transaction."""
        self._unread, self._more = set(), _nothing

    def full_ids(self) -> list[str]:
        """Who is full as far as these queues know."""
        return [self.directory.agents[position].id for position in self.full]

    def _begin(self, roster: Roster, loads: Iterable[Reading]) -> bool:
        if roster is not self.roster and roster.eligible != self.roster.eligible:
            return False
        if self._stand > _MOST_STANDING * len(self.open):
            return False
        self.roster, self._today = roster, Today(roster.since)
        self._unread = set()
        if not self._take_in(loads, most=max(_FEW, len(self.open) // 8)):
            return False
        refused, self.refused = self.refused, set()
        for position in (*refused, *self.left):
            self._put(position, self._end_of(position))
        self.looked.clear()
        self._asked.clear()
        return True

    def _take_in(self, loads: Iterable[Reading], *, most: int) -> bool:
        """Put those in their places whose load is another than is known here; False where these are more than `most`."""
        place, opened, units, turns = self.directory.place_of, self.open, self.units, self.turn
        moved: list[tuple[int, Reading]] = []
        for row in loads:
            position = place.get(row[0])
            if position is None:
                continue
            if position in self.left:
                self.left[position] = self._left_today(position, row[4], row[5])
            if opened[position] != row[1] or units[position] != row[3] or turns[position] != max(0.0, row[2]):
                moved.append((position, row))
        if len(moved) > most:
            return False
        for position, (_, number, turn, weight, _, _) in moved:
            before = self._end_of(position)
            opened[position], units[position], turns[position] = number, weight, max(0.0, turn)
            self._ends.pop(position, None)
            self._put(position, before)
        return True

    def _ask(self, positions: Collection[int]) -> None:
        """Read the loads of those that were not read yet."""
        missing = self._unread.intersection(positions)
        if missing:
            self._unread -= missing
            agents = self.directory.agents
            self._take_in(self._more([agents[position].id for position in sorted(missing)]), most=len(missing))

    def line(
        self,
        strategy_id: str,
        pool: Pool,
        among: tuple[Key, frozenset[int]] | None,
        seed: int,
        exclude: frozenset[int] = _NOBODY,
        *,
        most: int | None = None,
    ) -> list[int]:
        """Positions of the free agents of a pool who are not left out, best first; the seed says with whom of equals it begins."""
        queue = self._queue(strategy_id, pool, among)
        self.looked.append(queue)
        return self._in_order(queue, seed, exclude, most)

    def _in_order(self, queue: _Queue, seed: int, exclude: frozenset[int], most: int | None = None) -> list[int]:
        """Of n who stand level at the head each begins for one in n of the seeds, wherever the others have their places."""
        rows = queue.rows
        if exclude:
            rows = [row for row in rows if int.from_bytes(row[-4:]) not in exclude]
        if not rows:
            return []
        self.level = 1
        head = rows[0][:_LEVEL]
        if len(rows) > 1 and rows[1].startswith(head):
            level = bisect_right(rows, head + _LAST)
            self.level = level
            start = (seed * level) >> 32
            if start:
                rows = rows[start:level] + rows[:start] + rows[level:]
        return _positions(rows[:most])

    def free(self, position: int) -> bool:
        return position in self.roster.eligible and position not in self.full

    def too_heavy(self, units: float) -> frozenset[int]:
        """Positions of agents who are free, but not for an alert of so many units."""
        if not self._by_units:
            return _NOBODY
        return frozenset(one for one in self._by_units if one not in self.full and self._room(one) < units)

    def spent(self) -> int:
        """How many of those who are full have had all they take in a day."""
        return sum(1 for position in self.full if self.left.get(position, 1) <= 0)

    def hand(self, position: int, units: float = 1.0) -> None:
        """Count one more alert for this agent."""
        self._move(position, opened=1, turns=1, units=units)

    def take_back(self, position: int, units: float = 1.0) -> None:
        """One of theirs was closed: its place is free again. Turns and what they had of the day stay."""
        if position in self.left:
            self.left[position] -= 1
        self._move(position, opened=-1, turns=0, units=-units)

    def mark_full(self, position: int, units: float = 1.0) -> None:
        """The alert just handed was refused: somebody took the last place after the loads were read."""
        self._move(position, opened=-1, turns=-1, units=-units, full=True)
        self.refused.add(position)

    def refuse(self, position: int) -> None:
        """Count this agent as full before anything is chosen: they were refused when the choice was first made."""
        self.refused.add(position)
        self.full.add(position)

    def looked_at(self) -> set[int]:
        """Positions of those whose loads bore on the choice just made."""
        members: set[int] = set(self.full)
        members.update(self._by_units)
        for queue in (*self.looked, *self.also):
            members.update(queue.standing.members & self.roster.eligible)
        return members

    def last_line(self, seed: int, exclude: frozenset[int]) -> list[int]:
        """Positions in the order of the queue that decided."""
        return self._in_order(self.looked[-1], seed, exclude) if self.looked else []

    def behind(self, ahead: int, position: int) -> str:
        """The first thing that puts one agent before another in the queue that decided, said of the one ahead."""
        queue, agents = self.looked[-1], self.directory.agents
        first, second = (queue.pool.rank(agents[one]) + self._stands(one, queue) for one in (ahead, position))
        for part, said in enumerate(queue.standing.order):
            if first[part] != second[part]:
                return said
        return "stood level, and the draw by the alert's own number fell on them"

    def length(self, exclude: frozenset[int]) -> int:
        """How many free agents who are not left out stand in the queue that decided."""
        queue = self.looked[-1]
        if not exclude:
            return len(queue.rows)
        return len(queue.rows) - sum(1 for one in exclude if one in queue.standing.members and self.free(one))

    def described(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Candidates of the queue that decided, as the trace shows them; what loads do not change is worked out once a pool."""
        queue = self.looked[-1]
        shown, ends, said, found = queue.shown, self._ends, queue.standing.said, []
        opened, units, turn, most = self.open, self.units, self.turn, self.directory.most
        for position in positions:
            kept, end = shown.get(position), ends[position]
            if kept is None or kept[0] is not end:
                fixed = said.get(position) or self._say(queue, position)
                share = units[position] / most[position]
                one = {**fixed, "open": opened[position], "share": share, "turn": turn[position]}
                kept = shown[position] = end, one
            found.append(kept[1])
        return found

    def _say(self, queue: _Queue, position: int) -> dict[str, Any]:
        pool, agent = queue.pool, self.directory.agents[position]
        found = self._fixed(position, pool.why(agent), [float(part) for part in pool.rank(agent)])
        queue.standing.said[position] = found
        return found

    def describe(self, position: int, why: str, rank: list[float]) -> dict[str, Any]:
        """One candidate in a trace."""
        if self._unread:
            self._ask((position,))
        load = {"open": self.open[position], "share": self.share(position), "turn": self.turn[position]}
        return self._fixed(position, why, rank) | load

    def _fixed(self, position: int, why: str, rank: list[float]) -> dict[str, Any]:
        agent = self.directory.agents[position]
        return {"agentId": agent.id, "why": why, "rank": rank, "capacity": agent.capacity}

    def least_loaded(self, among: Iterable[int]) -> int | None:
        """The smallest share of capacity in use, then turn, then id."""
        return min(among, key=self._overload, default=None)

    def heads(self, strategy_id: str, pool: Pool, exclude: frozenset[int]) -> list[int]:
        """Positions of those who stand level at the head of a pool's queue: any of them is as likely to be next."""
        queue = self._queue(strategy_id, pool, None)
        self.also.append(queue)
        line = self._in_order(queue, 0, exclude)
        ends, by_load = self._ends, queue.by_load
        stands = [(queue.standing.places[one], ends[one][by_load][: _LEVEL - _PLACE.size]) for one in line]
        return [one for one, stand in zip(line, stands, strict=True) if stand == stands[0]]

    def absent(self) -> dict[str, float]:
        """Agent id -> the virtual time to carry an absent or full agent to, so that absence earns no credit.

        The floor of a pool is the smallest virtual time of those who could be chosen in it; whoever could not is
        carried along with it, and so on return stands level with the others instead of owed everything missed.
        """
        lifts: dict[int, float] = {}
        turn, free = self.turn, self.roster.eligible - self.full
        for queue in self._asked:
            present = queue.standing.members & free
            floor = min((turn[position] for position in present), default=0.0)
            if floor <= 0.0:
                continue
            for position in queue.standing.members - present:
                if turn[position] < floor:
                    lifts[position] = max(floor, lifts.get(position, floor))
        return {self.directory.agents[position].id: turn for position, turn in lifts.items()}

    def _stands(self, position: int, queue: _Queue) -> tuple[float, float]:
        share, turn = self.share(position), self.turn[position]
        return (share, turn) if queue.by_load else (turn, share)

    def _overload(self, position: int) -> tuple[float, float, str]:
        agent = self.directory.agents[position]
        return (self.share(position), self.turn[position], agent.id)

    def share(self, position: int) -> float:
        """How much of the capacity is in use, by weight; above 1 is overflow."""
        return self.units[position] / self.directory.most[position]

    def _left_today(self, position: int, given_on: date | None, given: int) -> int:
        agent = self.directory.agents[position]
        return (agent.max_per_day or 0) - (given if given_on == self._today(agent) else 0)

    def _room(self, position: int) -> float:
        most = self.directory.agents[position].max_units
        return float("inf") if most is None else most - self.units[position]

    def _is_full(self, position: int) -> bool:
        if self.open[position] >= self.directory.capacities[position]:
            return True
        return position in self._limited and (self.left.get(position, 1) <= 0 or self._room(position) <= 0)

    def _queue(self, strategy_id: str, pool: Pool, among: tuple[Key, frozenset[int]] | None) -> _Queue:
        key = (strategy_id, pool.key, among[0] if among else None)
        queue = self._queues.get(key)
        if queue is not None:
            if self._unread:
                self._ask(queue.standing.members)
            self._asked.add(queue)
        else:
            standing = _standing_of(self.directory, strategy_id, pool, among)
            if self._unread:
                self._ask(standing.members)
            queue = self._queues[key] = _Queue(pool, standing)
            present = standing.members & self.roster.eligible
            places, ends, by_load = standing.places, self._ends, queue.by_load
            for position in present:
                self._standing[position].append((queue, places[position]))
            self._stand += len(present)
            queue.rows = [places[position] + ends[position][by_load] for position in present - self.full]
            queue.rows.sort()
            self._asked.add(queue)
        return queue

    def _move(self, position: int, *, opened: int, turns: int, units: float, full: bool = False) -> None:
        before = self._end_of(position)
        self.open[position] = max(0, self.open[position] + opened)
        self.units[position] = max(0.0, self.units[position] + units)
        self.turn[position] += turns / self.directory.agents[position].weight
        self._ends.pop(position, None)
        if position in self.left:
            self.left[position] -= opened
        self._put(position, before, full=full)

    def _end_of(self, position: int) -> _End | None:
        """How their rows end in the queues they stand in; None where they stand in none."""
        return None if position in self.full or position not in self.roster.eligible else self._ends[position]

    def _put(self, position: int, before: _End | None, *, full: bool = False) -> None:
        """Into their places as their load is now; `before` is how their rows ended."""
        if position not in self.roster.eligible:
            return
        if full or self._is_full(position):
            self.full.add(position)
            after = None
        else:
            self.full.discard(position)
            after = self._ends[position]
        for queue, place in self._standing[position]:
            by_load, rows = queue.by_load, queue.rows
            if before is not None:
                del rows[bisect_left(rows, place + before[by_load])]
            if after is not None:
                insort(rows, place + after[by_load])


class _Ends(dict[int, _End]):
    """Per agent, the end of their rows as their load stands: where turns come first, and where the load does."""

    __slots__ = ("_directory", "_turn", "_units")

    def __init__(self, directory: Directory, units: list[float], turn: list[float]) -> None:
        super().__init__()
        self._directory, self._units, self._turn = directory, units, turn

    def __missing__(self, position: int) -> _End:
        share, turn = self._units[position] / self._directory.most[position], self._turn[position]
        token = self._directory.agents[position].token
        by_turn, by_load = (turn, share, token, position), (share, turn, token, position)
        found = self[position] = _END.pack(*by_turn), _END.pack(*by_load)
        return found


class Today:
    """The date where an agent is, worked out once a zone."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._dates: dict[str, date] = {}

    def __call__(self, agent: Agent) -> date:
        found = self._dates.get(agent.zone.key)
        if found is None:
            found = self._dates[agent.zone.key] = self._now.astimezone(agent.zone).date()
        return found
