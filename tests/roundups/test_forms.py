"""Single lines in their places: attributions under a quote, headings over quotes, dates and titles at the head of a file."""

from pathlib import Path

import pytest

from newsletter.roundups import Outlets, Roundup, read

OUTLETS = Outlets.load(Path(__file__).parents[2] / "outlets.toml")

ATTRIBUTIONS = [
    ("Jane Doe (The Atlantic)", "Jane Doe", "The Atlantic"),
    ("Jane Doe [The Atlantic]", "Jane Doe", "The Atlantic"),
    ("Jane Doe/The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe / The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe – The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe - The Sawmill Quarterly", "Jane Doe", "The Sawmill Quarterly"),
    ("The Atlantic – Jane Doe", "Jane Doe", "The Atlantic"),
    ("The Atlantic, Jane Doe", "Jane Doe", "The Atlantic"),
    ("The Atlantic: Jane Doe", "Jane Doe", "The Atlantic"),
    ("The Atlantic’s Jane Doe", "Jane Doe", "The Atlantic"),
    ("Jane Doe via The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe, staff writer, The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe, opinion editor at The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe, opinion editor, The Sawmill Quarterly", "Jane Doe", "The Sawmill Quarterly"),
    ("—Jane Doe, author of “The Book,” in The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe; The Atlantic", "Jane Doe", "The Atlantic"),
    ("Guest essay by Jane Doe, New York Times", "Jane Doe", "New York Times"),
    ("Opinion by Jane Doe, CNN", "Jane Doe", "CNN"),
    ("the Editors, National Review", "the Editors", "National Review"),
    ("The Editorial Board | Wall Street Journal", "The Editorial Board", "Wall Street Journal"),
    ("WSJ Editorial Board", "Editorial Board", "WSJ"),
    ("Wall Street Journal Editorial Board", "Editorial Board", "Wall Street Journal"),
    ("Editorial Board, The Sawmill Quarterly", "Editorial Board", "The Sawmill Quarterly"),
    ("Editorial, The Times", "Editorial", "The Times"),
    ("E.J. Pell Jr., Washington Post", "E.J. Pell Jr.", "Washington Post"),
    ("Peter Marsh, Jr., Washington Post", "Peter Marsh, Jr.", "Washington Post"),
    ("bell ashdown, The Nation", "bell ashdown", "The Nation"),
    ("danah marsh, Slate", "danah marsh", "Slate"),
    ("Jane Doe, Democracy Now!", "Jane Doe", "Democracy Now!"),
    ("Democracy Now!", None, "Democracy Now!"),
    ("Jane Doe, Yahoo! News", "Jane Doe", "Yahoo! News"),
    ("Jane Doe, U.S. News & World Report", "Jane Doe", "U.S. News & World Report"),
    ("Jane Doe, AL.com", "Jane Doe", "AL.com"),
    ("Jane Doe, The 19th", "Jane Doe", "The 19th"),
    ("Jane Doe, 19FortyFive", "Jane Doe", "19FortyFive"),
    ("Jane Doe, Crain’s Chicago Business", "Jane Doe", "Crain’s Chicago Business"),
    ("Jane Doe, The Center Square", "Jane Doe", "The Center Square"),
    ("Jane Doe, Left Voice", "Jane Doe", "Left Voice"),
    ("Jane Doe, Center for American Progress", "Jane Doe", "Center for American Progress"),
    ("Jane Doe, Right Side News", "Jane Doe", "Right Side News"),
    ("Jane Doe, The New York Times.", "Jane Doe", "The New York Times"),
    ("JANE DOE, THE ATLANTIC", "JANE DOE", "THE ATLANTIC"),
    ("By JANE DOE | The Atlantic | March 4, 2024", "JANE DOE", "The Atlantic"),
    ("Jane Doe, The Atlantic, March 4", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic, 4 March 2024", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic (subscription required)", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic (paywall)", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic 🔒", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic →", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic*", "Jane Doe", "The Atlantic"),
    ("Jane Doe, *The Atlantic*", "Jane Doe", "The Atlantic"),
    ("**Jane Doe**, The Atlantic", "Jane Doe", "The Atlantic"),
    ("_Jane Doe, The Atlantic_", "Jane Doe", "The Atlantic"),
    ("Jane Doe , The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe,The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe,  The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe,\u00a0The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane  Doe, The Atlantic", "Jane  Doe", "The Atlantic"),
    ("Jane Doe, “The Bill Is Bad,” The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic, “The Bill Is Bad”", "Jane Doe", "The Atlantic"),
    ("Jane Doe on Substack", "Jane Doe", "Substack"),
    ("Jane Doe (@janedoe), X", "Jane Doe (@janedoe)", "X"),
    ("Jane Doe (@janedoe) on Bluesky", "Jane Doe (@janedoe)", "Bluesky"),
    ("Jane Doe, Twitter", "Jane Doe", "Twitter"),
    (
        "Prof. Jane Doe of Calder University, The Conversation",
        "Prof. Jane Doe of Calder University",
        "The Conversation",
    ),
    ("Jane Doe, Calder University, in The Conversation", "Jane Doe", "The Conversation"),
    ("Former Gov. Jane Doe (R-NJ) and John Roe, USA Today", "Former Gov. Jane Doe (R-NJ) and John Roe", "USA Today"),
    ("Jane Doe and John Roe in The Hill", "Jane Doe and John Roe", "The Hill"),
    ("Jane Doe, John Roe, and Ann Poe, The Hill", "Jane Doe, John Roe, and Ann Poe", "The Hill"),
    ("Jane Doe & co., Slate", "Jane Doe & co.", "Slate"),
    ("Jane Doe et al., Slate", "Jane Doe et al.", "Slate"),
    ("Anonymous, Slate", "Anonymous", "Slate"),
    ("Staff, Reuters", "Staff", "Reuters"),
    ("AP News/Reuters", None, "AP News/Reuters"),
    ("AP News; Reuters", None, "AP News; Reuters"),
    ("Ludwig van der Meer, Slate", "Ludwig van der Meer", "Slate"),
    ("Abd al-Rahman ibn Yusuf, Slate", "Abd al-Rahman ibn Yusuf", "Slate"),
    ("Conor O’Shea-D’Arcy, Slate", "Conor O’Shea-D’Arcy", "Slate"),
    ("李明, South China Morning Post", "李明", "South China Morning Post"),
    ("Michael Right, Slate", "Michael Right", "Slate"),
    ("Jane Left, CNN", "Jane Left", "CNN"),
    ("Will Center, CNN", "Will Center", "CNN"),
    ("Will Sandoz, The Bulwark", "Will Sandoz", "The Bulwark"),
    ("Does Johnson, The Bulwark", "Does Johnson", "The Bulwark"),
    ("Most Rev. John Paul, America Magazine", "Most Rev. John Paul", "America Magazine"),
    ("An Nguyen, Slate", "An Nguyen", "Slate"),
    ("Do Kwan, Slate", "Do Kwan", "Slate"),
    ("May Ellison, Slate", "May Ellison", "Slate"),
    ("April June, Slate", "April June", "Slate"),
    ("Yes Zhang, Slate", "Yes Zhang", "Slate"),
    ("Mark Twain, June Mag", "Mark Twain", "June Mag"),
    ("Jane Doe, March Magazine", "Jane Doe", "March Magazine"),
    ("Excerpted from Jane Doe, The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe writing at The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe, writing in The Atlantic", "Jane Doe", "The Atlantic"),
    ("Written by Jane Doe, The Atlantic", "Jane Doe", "The Atlantic"),
    ("~Jane Doe, The Atlantic", "Jane Doe", "The Atlantic"),
    ("-- Jane Doe, The Atlantic", "Jane Doe", "The Atlantic"),
    ("» Jane Doe, The Atlantic", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic [Left]", "Jane Doe", "The Atlantic"),
    ("Jane Doe, The Atlantic (Lean Left)", "Jane Doe", "The Atlantic"),
    ("Author: Jane Doe, The Atlantic", "Jane Doe", "The Atlantic"),
    ("Source: The Atlantic, Jane Doe", "Jane Doe", "The Atlantic"),
    ("A. O. Farrow, New York Times", "A. O. Farrow", "New York Times"),
    ("I. M. Pell, The Sawmill Quarterly", "I. M. Pell", "The Sawmill Quarterly"),
    ("A.O. Farrow, The Sawmill Quarterly", "A.O. Farrow", "The Sawmill Quarterly"),
    ("Amy Do, The Sawmill Quarterly", "Amy Do", "The Sawmill Quarterly"),
    ("An Nguyen, The Sawmill Quarterly", "An Nguyen", "The Sawmill Quarterly"),
    ("Will Pell, The Sawmill Quarterly", "Will Pell", "The Sawmill Quarterly"),
    ("Jane Doe (The Sawmill Quarterly)", "Jane Doe", "The Sawmill Quarterly"),
    ("Jane Doe / The Sawmill Quarterly", "Jane Doe", "The Sawmill Quarterly"),
    ("Jane Doe in The Sawmill Quarterly", "Jane Doe", "The Sawmill Quarterly"),
    ("Opinion by Jane Doe, Alder Beacon", "Jane Doe", "Alder Beacon"),
    ("Editorial Board of the Alder Beacon", "Editorial Board", "Alder Beacon"),
    ("Alder Beacon Editorial Board", "Editorial Board", "Alder Beacon"),
    ("Jane Doe, Alder Beacon (paywall)", "Jane Doe", "Alder Beacon"),
    ("Jane Doe, *Alder Beacon*", "Jane Doe", "Alder Beacon"),
    (
        "Sens. Ann Poe (D-MN) and Bob Roe (R-TX), Alder Beacon",
        "Sens. Ann Poe (D-MN) and Bob Roe (R-TX)",
        "Alder Beacon",
    ),
    ("Jane Doe, M.D., and John Roe, Ph.D., Alder Beacon", "Jane Doe, M.D., and John Roe, Ph.D.", "Alder Beacon"),
    ("Jane Doe, John Roe, Ann Poe and Al Moe, Slate", "Jane Doe, John Roe, Ann Poe and Al Moe", "Slate"),
    ("Jane Doe, March 4, Slate", "Jane Doe", "Slate"),
    ("Jane Doe, Slate, 3/4/24", "Jane Doe", "Slate"),
    ("Jane Doe, Slate – March 4, 2024", "Jane Doe", "Slate"),
    ("Jane Doe, Slate | March 4, 2024", "Jane Doe", "Slate"),
    ("Jane Doe, Slate, 8:14 a.m.", "Jane Doe", "Slate"),
    ("Jane Doe, Washington, D.C., Slate", "Jane Doe", "Slate"),
    ("Jane Doe, Foreign Policy, Washington", "Jane Doe", "Foreign Policy"),
    ("Jane Doe, speaking on CNN", "Jane Doe", "CNN"),
    ("Jane Doe, on CNN", "Jane Doe", "CNN"),
    ("Jane Doe to Politico", "Jane Doe", "Politico"),
    ("Jane Doe, CNN Opinion", "Jane Doe", "CNN Opinion"),
    ("Jane Doe, NYT", "Jane Doe", "NYT"),
    ("Jane Doe, WaPo", "Jane Doe", "WaPo"),
    ("Jane Doe, Wash. Post", "Jane Doe", "Wash. Post"),
    ("Jane Doe, NY Post", "Jane Doe", "NY Post"),
    ("Jane Doe, nytimes.com", "Jane Doe", "nytimes.com"),
    ("Jane Doe, www.slate.com", "Jane Doe", "www.slate.com"),
    ("Jane Doe, Slate.", "Jane Doe", "Slate"),
    ("Jane Doe, Slate,", "Jane Doe", "Slate"),
    ("Jane Doe, Slate;", "Jane Doe", "Slate"),
    ("Jane Doe — Slate — Opinion", "Jane Doe", "Slate"),
    ("Jane Doe, Alder Beacon Online", "Jane Doe", "Alder Beacon Online"),
    ("Jane Doe, Reason Magazine", "Jane Doe", "Reason Magazine"),
    ("Jane Doe and the Editorial Board, Slate", "Jane Doe and the Editorial Board", "Slate"),
    ("Op-ed by Jane Doe in Slate", "Jane Doe", "Slate"),
    ("Column by Jane Doe, Slate", "Jane Doe", "Slate"),
    ("Analysis: Jane Doe, Slate", "Jane Doe", "Slate"),
    ("Jane Doe, AP", "Jane Doe", "AP"),
    ("Marcus Left Hand, Slate", "Marcus Left Hand", "Slate"),
    ("Jane Doe, Le Monde, trans. Ann Field", "Jane Doe", "Le Monde"),
]
HEADINGS = [
    ("The case from the left", "left"),
    ("Hot takes from the left", "left"),
    ("Reactions from the left", "left"),
    ("Here’s what liberals think", "left"),
    ("Left of center", "left"),
    ("LEFT", "left"),
    ("Left-wing media", "left"),
    ("Progressive View", "left"),
    ("From the left —", "left"),
    ("From The Left 👇", "left"),
    ("The left’s argument", "left"),
    ("Arguments from the left", "left"),
    ("1. From the Left", "left"),
    ("Perspectives: Left", "left"),
    ("From the Left (2)", "left"),
    ("The Left Says…", "left"),
    ("The Left Weighs In", "left"),
    ("On the Left: Relief", "left"),
    ("What they’re saying on the left", "left"),
    ("What they are saying: Left", "left"),
    ("Voices on the left", "left"),
    ("— FROM THE LEFT —", "left"),
    ("=== Left ===", "left"),
    ("[Left]", "left"),
    ("(Left)", "left"),
    ("LEFT:", "left"),
    ("From the left:", "left"),
    ("From the “left”", "left"),
    ("The Left's Take", "left"),
    ("Opinions From the Left Wing", "left"),
    ("Left Take", "left"),
    ("The liberal case", "left"),
    ("From the Left.", "left"),
    ("View from the Left", "left"),
    ("Left viewpoint", "left"),
    ("Left Bias:", "left"),
    ("Lean Left", "left"),
    ("From\u00a0the\u00a0Left", "left"),
    ("From the Le\xadft", "left"),
    ("Democrats", "left"),
    ("🔵 Left", "left"),
    ("🟦 FROM THE LEFT 🟦", "left"),
    ("The View From The Left", "left"),
    ("Libertarian view", "libertarian"),
    ("A libertarian perspective", "libertarian"),
    ("From libertarians", "libertarian"),
    ("Libertarians say", "libertarian"),
    ("The center", "center"),
    ("From the middle", "center"),
    ("Centrists", "center"),
    ("From the Center", "center"),
    ("Somewhere in between", None),
    ("The Middle Ground", None),
    ("Both sides", "both"),
    ("Both sides agree that something must be done:", "both"),
    ("Left and right agree:", "both"),
    ("Where left and right agree", "both"),
    ("Some on both sides urge caution:", "both"),
    ("Other opinions", "other"),
    ("More opinions", "other"),
    ("Other views", "other"),
    ("Other takes below:", "other"),
    ("Additional perspectives", "other"),
    ("On the bright side...", None),
    ("On the bright side", None),
    ("On a lighter note…", None),
    ("And finally…", None),
    ("Good news of the day", None),
    ("Something to smile about", None),
    ("What Happened", None),
    ("The Big Picture", None),
    ("Background", None),
    ("The Harbor Question", None),
    ("The News", None),
    ("Yesterday in Merrow", None),
    ("Why it matters:", None),
    ("The facts", None),
    ("In brief", None),
    ("Yes", None),
    ("No", None),
    ("Pro", None),
    ("Con", None),
    ("The case for", None),
    ("The case against", None),
    ("For:", None),
    ("Against:", None),
    ("Abroad", None),
    ("From overseas", None),
    ("International views", None),
    ("The view from Beijing", None),
    ("What economists are saying", None),
    ("The legal angle", None),
    ("My take", None),
    ("Our take", None),
    ("Notable & Quotable", None),
    ("Is the bill constitutional?", None),
    ("Topic 2: The Ferry", None),
    ("What the left is saying.", "left"),
]
DATES = [
    "March 4, 2024",
    "Mon., March 4, 2024",
    "Monday, 4 March 2024",
    "4 March 2024",
    "March 4th 2024",
    "2024-03-04",
    "03/04/2024",
    "3/4/24",
    "Week of March 4, 2024",
    "March 2024",
    "Monday March 4",
    "Monday, March 4th",
    "MARCH 4, 2024",
    "March 4, 2024 | Issue 482",
    "Issue #482 | March 4, 2024",
    "Vol. 3, No. 8 — March 4, 2024",
    "Updated March 4, 2024, 9:12 a.m. ET",
    "Monday morning, March 4, 2024",
    "March 4–5, 2024",
    "📅 March 4, 2024",
    "Sent: Monday, March 4, 2024 7:02 AM",
    "March 04, 2024",
    "Mar 4 2024",
    "Mar. 4",
    "Date: 4.3.2024",
    "## March 4, 2024",
    "*Monday, March 4, 2024*",
    "Published March 4, 2024",
    "Today is Monday, March 4, 2024.",
    "Sept. 4, 2024",
    "4th of March, 2024",
    "March 4, ’24",
    "March\u00a04, 2024",
    "Monday,  March 4,  2024",
    "2024/03/04",
    "04.03.2024",
    "Mon 4 Mar 2024",
    "Mon Mar 4 2024",
]
TITLES = [
    "The Harbor Freezes",
    "Right to Repair",
    "The Right to Repair",
    "Left Behind in Merrow",
    "Trump: The Sequel",
    "Who’s Right on Tariffs?",
    "The Ferry Ran Aground.",
    "Is It Over?",
    "A “Clean” Bill",
    "Ukraine, Israel, and the Budget",
    "The Editors Resign",
    "CNN vs. The Governor",
    "The Atlantic",
    "Ferry, Dams & Salmon",
    "1. The Ferry",
    "#MeToo at Ten",
    "5 Things About the Ferry",
    "Fed Cuts Rates; Markets Yawn",
    "Why the Left Lost",
    "Democrats Pick a Leader",
    "Republicans Split on Ukraine",
    "Conservatives Rally in Merrow",
    "The Center Holds",
    "Center of the Storm",
    "Sign Up for What? The Draft Returns",
    "Join the Navy",
    "Share the Burden",
    "Donate to Whom?",
    "Together With Ukraine",
    "Get Out of Town",
    "Past Issues, Present Danger",
    "Ad Astra",
    "Print Is Dead",
    "Paris in June",
    "Washington, Monthly",
    "Biden Says No",
    "Trump Argues in Court",
    "The Fight Over Slate",
    "Harris in Reno",
    "Musk at Twitter",
    "Chaos at Boeing, Again",
    "Trouble at The Washington Post",
    "Peace in Our Time?",
    "Roe, Overturned",
    "Israel, Gaza",
    "Hochul, Congestion Pricing",
    "War in Ukraine, Year Three",
    "Good Morning, Vietnam",
    "A Letter from Home",
    "Hello, Goodbye",
    "Dear Leader",
    "Dear Readers of Banned Books",
    "Read More Books",
    "All Right Now",
    "On the Bright Side of the Moon",
    "The Middle East",
    "Middle East Peace Talks",
    "Liberal Arts in Crisis",
    "Conservative Estimates",
    "Moderate Drinking",
    "Progressive Insurance Sues",
    "Democratic Backsliding",
    "A Republican Form of Government",
]
NO_SOURCES = [
    "Meanwhile, in Merrow",
    "Thanks, Joan",
    "Tariffs, Explained",
    "Congress, Again",
    "Question of the week",
    "The Dams on the Calder",
]


def parsed(*lines: str) -> Roundup:
    return read("\n".join(lines), outlets=OUTLETS)


@pytest.mark.parametrize(("line", "author", "outlet"), ATTRIBUTIONS)
def test_attribution_under_a_quote(line: str, author: str | None, outlet: str | None) -> None:
    quote = "“The harbor froze in March, and then it froze again.”"
    other = ("From the Right", "“Nobody minded very much.”", "Odile Farrow, The Atlantic")
    roundup = parsed("Big Title Here", "May 1, 2024", "From the Left", quote, line, *other)
    found = next(section for section in roundup.sections if section.lean == "left").quotes[0]
    assert (found.author, found.outlet, found.attribution) == (author, outlet, line.strip())


@pytest.mark.parametrize(("line", "lean"), HEADINGS)
def test_heading_over_quotes(line: str, lean: str | None) -> None:
    news = ("Big Title Here", "May 1, 2024", "“A ferry ran aground on Monday, the county said.” AP News")
    first = ("“The harbor froze in March, and then it froze again.”", "Odile Farrow, The Atlantic")
    roundup = parsed(*news, line, *first, "“Nobody minded.”", "Mira Oland, CNN")
    assert [(section.lean, len(section.quotes)) for section in roundup.sections if section.heading == line] == [
        (lean, 2)
    ]


@pytest.mark.parametrize("line", DATES)
def test_date_above_the_title(line: str) -> None:
    quote = ("From the Left", "“The harbor froze in March.”", "Odile Farrow, The Atlantic")
    roundup = parsed(line, "The Harbor Freezes", "“A ferry ran aground.” AP News", *quote)
    assert (roundup.date, roundup.title) == (line, "The Harbor Freezes")


@pytest.mark.parametrize("line", TITLES)
def test_title_on_either_side_of_the_date(line: str) -> None:
    rest = (
        "“A ferry ran aground on Monday, the county said.” AP News",
        "From the Left",
        "“The harbor froze.”",
        "Odile Farrow, CNN",
    )
    for head in ((line, "May 1, 2024"), ("May 1, 2024", line)):
        roundup = parsed(*head, *rest)
        assert (roundup.date, roundup.title) == ("May 1, 2024", line)


@pytest.mark.parametrize("line", NO_SOURCES)
def test_line_above_a_quote_with_its_own_source_is_no_source(line: str) -> None:
    first = ("“The harbor froze in March.”", "Odile Farrow, The Atlantic")
    roundup = parsed("Big Title Here", "May 1, 2024", "From the Left", *first, line, "“It froze twice.” AP News")
    assert all(line not in quote.attribution for quote in roundup.quotes)


def test_news_that_begins_with_a_party_takes_no_side() -> None:
    text = "Republicans in the Senate blocked a bill on Tuesday that would have raised the debt limit until 2026."
    quote = "“The vote was 51 to 49, with two senators absent.” AP News"
    roundup = parsed("The Debt Limit", "May 1, 2024", text, quote, "From the Left", "“No.”", "Odile Farrow, CNN")
    assert roundup.quotes[0].lean is None
    assert roundup.sections[0].prose == (text,)


def test_headline_under_a_side_heading_is_a_section_with_that_side_suggested() -> None:
    roundup = parsed("From the Left", "The Deckhand Pays Too", "“He pays twice.”", "Odile Farrow, Harbourside Commons")
    quote = roundup.quotes[0]
    assert quote.lean is None
    assert quote.suggestion is not None
    assert (quote.suggestion.lean, quote.suggestion.reason) == ("left", "it stands under 'From the Left'")


def test_two_quotes_with_their_sources_on_one_line_are_divided() -> None:
    line = "“The deckhand pays twice.” Pia Lagerkvist, Harbourside Commons “The captain doesn’t.” Odile Farrow, The Atlantic"
    quotes = parsed("From the Left", line).quotes
    assert [(quote.author, quote.paragraphs) for quote in quotes] == [
        ("Pia Lagerkvist", ("“The deckhand pays twice.”",)),
        ("Odile Farrow", ("“The captain doesn’t.”",)),
    ]
