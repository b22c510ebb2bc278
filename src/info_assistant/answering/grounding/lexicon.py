"""Closed lists of words that the rules know: plain tables, meant to be read and argued with."""

# ruff: noqa: E501 - tables of words read best as text.

FUNCTION_WORDS = frozenset(
    """
    a about above across after again against all almost along already also although always among an
    and another any anybody anyone anything apart are as aside at away back because been before
    behind being below beside besides between beyond both but by can cannot could despite did do
    does doing down due during each either else enough even ever every everybody everyone
    everything except few fewer first for from further had half has have having he hence her here
    hers herself him himself his how however i if in indeed inside instead into is it its itself
    just last later latter least less like many may maybe me meanwhile might mine more moreover most
    much must my myself near neither never nevertheless next no nobody none nor not nothing now of
    off often on once one only onto or other others otherwise ought our ours out outside over own
    perhaps please quite rather same several shall she should since so some somebody someone something
    sometimes soon still such than that the their theirs them themselves then there thereafter
    thereby therefore these they third this those though through throughout thus till to together
    too toward towards two under unless unlike until up upon us usually very via was we well were
    what whatever when whenever where whereas wherever whether which whichever while who whoever
    whole whom whose why will with within without would yes yet you your yours yourself
    """.split()  # noqa: SIM905 - A table of words reads best as text.
)

COMMON_OPENINGS = frozenset(
    """
    better certain earlier higher larger later longer lower newer older shorter smaller stronger
    add administration advice afterwards anger announcement answer apply approval ask attach attack
    auditing authority avoid award awareness ban benefit bind block book bring build business buy
    call care carry cash change check choose claim click collect comment communication compare
    complete conduct confirm consider contact content control copy cost cover create damage data day
    deadline delay delete demand describe design detail develop discuss document draft drink driving
    email enable encryption enrol ensure enter equipment evidence exchange experience explain export
    fault feedback file fill find fix follow food forward fraud free fuel funding gather get give go
    growth guidance hand harm health heat help hold home hotel hours household housing identify
    ignore include income influence inform information insert install insurance interest introduce
    invite join judge keep know knowledge law lead learn leave let list listen load log look luggage
    mail mail maintain make mark material medical meet mention money monitor move multifactor music
    name need network new newcomer non note notice notify obtain offer office old open order
    overtime paper parking part password pay payment people personal place plan policy post practice
    prepare present press price print privacy process proof protect protection provide public
    publish purchase put quality raise read record recovery recusal reduce refer register release
    remember remove repeat replace report request research respond return review risk rule run
    salary save schedule search security see select send separate service set share show sign
    software someone speak special spend sports staff start state stay stop store study submit
    support take talk tax tell test text think time together tool track traffic train transport
    travel treat try turn update upload urgent use various visit volunteer wait water wear word work
    write
    """.split()  # noqa: SIM905
)
"""Words that open a sentence without an article though no suffix shows that they are no names."""

COMMON_ENDINGS = (
    *("ing", "ly", "tion", "sion", "ment", "ness", "ity", "ance", "ence", "ship", "ism", "age"),
    *("ure", "ed", "ful", "less", "ous", "able", "ible", "ive", "ics", "ary", "ware"),
)

PLURAL_VERBS = frozenset(
    [
        "are",
        "were",
        "have",
        "do",
        "must",
        "may",
        "can",
        "shall",
        "should",
        "will",
        "would",
        "could",
        "might",
        "need",
        "cannot",
        "don't",
        "aren't",
        "who",
        "whose",
        "that",
        "which",
        "of",
        "in",
        "on",
        "for",
        "from",
        "with",
        "to",
        "at",
        "by",
        "about",
        "without",
        "and",
        "or",
        "get",
        "give",
    ]
)

ACTORS = frozenset(
    """
    administrator adviser advisor agency agent analyst applicant approver assessor assistant
    association attacker auditor authority authorizer bank bidder board branch bureau buyer candidate
    captioner carer caregiver case chair chief citizen claimant client clerk coach colleague
    commission commissioner committee company consultant contractor controller coordinator council
    counsel court coworker customer department deputy desk detailee developer director division donor
    driver employee employer engineer examiner expert facilitator fund government group guardian
    guest holder host household hr idp individual inspector institution instructor interpreter
    interviewee interviewer investigator issuer judge landlord lawyer leader leadership manager
    mayor member minister ministry nurse office officer official ombudsman operator organisation
    organization owner panel parent participant partner partnership person physician police
    president principal processor processors programme program provider recipient refugee
    registrar representative requester reviewer sanctioner secretary sender speaker staff student
    subscriber supervisor supplier teacher team tenant tester traveller traveler treasurer tribunal
    unit user vendor verifier victim visitor volunteer witness worker csp rp rps idps cso ciso cio

    """.split()  # noqa: SIM905
)
"""Nouns for who acts: when one of them does something, the quote must say that it does."""

GENERIC_ACTORS = frozenset(
    [
        "person",
        "people",
        "individual",
        "user",
        "employee",
        "staff",
        "worker",
        "member",
        "citizen",
        "somebody",
        "someone",
        "anyone",
        "everyone",
        "everybody",
        "anybody",
    ]
)
"""Words that a writer uses for "you", "we" or nobody in particular."""

IMPERATIVES = frozenset(
    """
    add allow answer apply arrange ask assign attach avoid begin block book bring build buy call
    change check choose claim clean click close collect complete conduct configure confirm consider
    consult contact continue copy create cultivate declare delete describe detail determine disable
    discuss do document download draft email enable encourage enforce ensure enter establish explain
    export feel fill find fix follow forward gather get give go hand help hold identify ignore
    implement include inform install invite join keep label learn leave let limit list listen log
    look maintain make mark meet mention monitor move name navigate note notify obtain open order
    pay place plan please prepare press prevent print propose protect prove provide publish put read
    record reduce refer register remember remind remove repeat replace reply report request require
    research respond restrict return review run save scroll search see select send set share show
    sign speak spend start state stay stop store submit take talk tell test think track treat try
    turn update upload use verify visit wait wear work write
    """.split()  # noqa: SIM905
)
