"""Made-up people and a made-up metropolis: no name, street or ZIP here is anybody's (ZIP prefix 00 is unassigned)."""

from dataclasses import dataclass

METRO = "port-halden"
CITY = "Port Halden"


@dataclass(frozen=True, kw_only=True)
class Area:
    """A territory; `parent` is None for the metropolis itself."""

    id: str
    name: str
    parent: str | None
    zips: tuple[str, ...] = ()
    value_factor: float = 1.0
    """House prices here against the metropolis."""


_DISTRICTS = {
    "north-bank": (
        "North Bank",
        (("ashgrove", "Ashgrove", 1.25), ("fennmoor", "Fennmoor", 0.9), ("larkfield", "Larkfield", 1.05)),
    ),
    "old-town": (
        "Old Town",
        (("lantern-row", "Lantern Row", 1.5), ("saltgate", "Saltgate", 1.1), ("weirside", "Weirside", 0.95)),
    ),
    "harbor": (
        "Harbor",
        (("cooper-quay", "Cooper Quay", 1.3), ("gullwing", "Gullwing", 0.8), ("tidewell", "Tidewell", 0.85)),
    ),
    "the-heights": (
        "The Heights",
        (("brackenhill", "Brackenhill", 1.7), ("quarry-end", "Quarry End", 0.75), ("sunmere", "Sunmere", 1.35)),
    ),
}


def areas() -> tuple[Area, ...]:
    """The metropolis, its four districts and their twelve territories, parents first."""
    found = [Area(id=METRO, name=CITY, parent=None)]
    zip_number = 101
    for district, (title, _) in _DISTRICTS.items():
        found.append(Area(id=district, name=title, parent=METRO))
    for district, (_, members) in _DISTRICTS.items():
        for key, name, factor in members:
            zips = tuple(f"00{zip_number + offset}" for offset in range(2))
            zip_number += 10
            found.append(Area(id=key, name=name, parent=district, zips=zips, value_factor=factor))
    return tuple(found)


TERRITORIES = tuple(area for area in areas() if area.zips)
DISTRICTS = tuple(_DISTRICTS)

_FIRST = (
    "Adela Alvin Amara Anton Ariadne Barnaby Beatrix Benedek Calla Casimir Celeste Corwin Dalia Darius Delphine Dorian "
    "Edda Elias Elowen Emeric Esme Fabian Farah Felix Fenna Gideon Giselle Greta Hollis Ianthe Ilse Imre Ines Isidor "
    "Jarek Jolie Jonas Juno Kaia Kalev Kira Lazlo Leona Linnea Lorcan Lucan Mabel Marek Marisol Milo Mina Nadir Nell "
    "Noemi Odell Odette Oskar Otis Paloma Petra Quill Rafe Ramona Renzo Rhea Roan Rosalind Rufus Sabine Saskia Selma "
    "Silas Soren Tamsin Thea Tobias Ursa Vesna Viggo Wanda Wilder Xenia Yara Yorick Zelda Zoran"
)

_LAST = (
    "Abernold Ashdowne Balkwin Barrowick Bellgrave Birchall-Roe Blackthwaite Borrowell Brightmoor Calderwin Cobbleford "
    "Corvane Dapplewood Darrowby-Lee Dellacre Drummet Eastlock Elderfen Ellisande Fairwether Farrowdale Fenwold "
    "Foxhollow Garrowin Gildermane Glasswick Greyling Hallowmere Harkwell Hartsong Hazelbourne Hollingrey Ironwell "
    "Juniper-Vale Kestrelle Kindlewood Lakenby Larksworth Lindermann-Oak Longmarsh Maplethorn Marrowgate Merriden "
    "Millhaven Mossgrave Nettleship-Ray Northolme Oakhanger Oldcastle-Wye Orrin Pemberlay Pikeswood Quenby Ravensdell "
    "Redfern-Low Rookwell Rushbourne Sandholm Silverlake-Ash Stonebrook Swanmere Tallowfield Thistlewood Thornacre "
    "Underhay Vanderloft Wakelin-Moor Westerby Whitlow Willowmark Winterbourn-Hale Woolcombe Yarrowdale Yewbank"
)

_STREETS = (
    "Alder Walk,Beacon Rise,Bellmaker Lane,Candlewick Street,Cherry Terrace,Clockhouse Road,Dovecote Close,Elm Parade,"
    "Ferryman's Way,Foxglove Avenue,Glassblower Row,Hawthorn Drive,Heron Court,Ivy Crescent,Kiln Street,Lamplighter Lane,"
    "Linden Boulevard,Mariner's Hill,Millrace Road,Orchard Gate,Pear Tree Lane,Quarryman Street,Ropewalk,Sailcloth Lane,"
    "Sycamore Circle,Tanner's Yard,Weaver Street,Windmill Road"
)

FIRST_NAMES = tuple(_FIRST.split())
LAST_NAMES = tuple(_LAST.split())
STREETS = tuple(_STREETS.split(","))
