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
    per perhaps please quite rather same several shall she should since so some somebody someone something
    sometimes soon still such than that the their theirs them themselves then there thereafter
    thereby therefore these they third this those though through throughout thus till to together
    too toward towards two under unless unlike until up upon us usually very via was we well were
    what whatever when whenever where whereas wherever whether which whichever while who whoever
    whole whom whose why will with within without would yes yet you your yours yourself
    """.split()  # noqa: SIM905 - A table of words reads best as text.
)

COMMON_OPENINGS = frozenset(
    """
    able absent academic active actual add additional adequate administration adult advice afternoon
    afterwards aged agreed air alcohol alternative amount anger animal announcement annual answer
    apply approval art artificial ask attach attack auditing authority average avoid award awareness
    bad ban bank bare basic battery beer bench benefit best better bicycle big bill bind binding
    bird black block blue boat body book bottle bottled box boy bread break breakfast bridge brief
    bright bring broad broken brown build bus business buy cake call calm camera candidate capital
    car card care carry cash casual cause central certain chain chair change chapter charity cheap
    check chemical chief child choose city civic civil claim class classical clean clear clever
    click clinical close closed clothing coffee cold collect colour comment common communication
    community company compare complete complex concrete conduct confirm consider constant contact
    content control cool copy core correct cost council country court cover craft crane create
    critical crop cross cultural current custom cycle daily dairy damage dark data day dead deadline
    dear debt deep defective delay delete demand dental describe design detail detailed develop
    different difficult digital dinner direct disabled discuss distant document dog domestic door
    double draft dress drink driver driving dry due dust earlier early easy economic effort eight
    elderly electric electrical electricity elementary email emergency empty enable encryption end
    energy english enough enrol ensure enter entire entry environmental equal equipment essential
    even evening event everyday evidence evil exact excess exchange exit experience expert expired
    explain export external extra fair family farm fast fault fear federal feedback fellow female
    field file fill final find fine fire firm first fish fix fixed flat flood floor follow food foot
    force foreign formal former forty forward four fraud free frequent fresh friend front frozen
    fuel full fun funding furniture future game garden gas gather general gentle get giant girl give
    glass global glove go gold good goods grass great green grey gross ground group growth guidance
    hair half hall hand hard harm hazard head health heat heavy help hidden high higher historic
    hold holiday home honest horse hospital hot hotel hours household housing human hundred hungry
    ice identify ignore ill illegal illness immediate important in-person include income individual
    indoor industrial influence inform informal information initial injury inner insert inside
    install insurance interest internal international internet introduce invite iron irregular
    island job join joint judge juice junior just keep key kind kitchen know knowledge land language
    large larger last late later latest law lead learn leave legal leisure less let level library
    licence license light likely line liquid list listen little live load local lock log long longer
    look lost loud low lower luck luggage lunch machine mail main maintain major make male man
    mandatory many map mark market mass master material meal mean meat mechanical media medical meet
    mental mention metal method middle military milk mine minimum minor minute mixed mobile model
    modern money monitor monthly moral more morning most motor move multifactor multiple music
    mutual name narrow nation national native natural near neat need net network new newcomer newer
    news next nice night nine noise non normal north note notice notify nuclear null obtain offer
    office oil old older ongoing only open oral order ordinary organic original other outdoor outer
    outside outstanding overdue overnight overtime owner packed page pair paper parcel parent park
    parking part partial particular password past patient pay payment peace people perfect perfume
    permanent permit personal pet petrol physical pink place plain plan plant plastic plenty point
    police policy polite political pool poor popular port positive possible post potential power
    practical practice precious precise pregnant prepare present press previous price primary
    principal print prior priority privacy private prize probable process professional profit prompt
    proof proper property prospective protect protection provide public publish purchase pure put
    quality quarterly queue quick quiet radio rail rain raise random rapid rare rate raw read ready
    real reasonable recent record recovery recusal red reduce refer refund regional register regular
    related release relevant remember remote remove rent repair repeat replace report request
    required research residential respond response rest restricted return review rich right rising
    risk road role roof room rough round routine rubbish rule run rural safe salary sale salt same
    sand save savings schedule school science sea search seasonal second secondary secret security
    see select send senior sensitive separate serious service set settled seven severe sewage sex
    share shared sharp sheet shelter shift ship shop short shorter show sick sight sign significant
    silence silent silver similar simple single site six skilled sleep slow small smaller smart
    smoke smoking snow social soft software soil solar sole solid someone sound source south spare
    speak special speed spend sports spring square staff standard start state statutory stay steel
    stock stone stop storage store storm street strict strong stronger student study subject submit
    successful sudden sufficient suitable summer sun sunlight supply support surface surplus sweet
    swimming table take talk tall tax tea team technical telephone tell temporary ten tenant term
    test text theft thick thin think third thousand three ticket timber time tiny tired title
    tobacco together tool top total touch tough tourist town toxic track trade traditional traffic
    train transit transport trash travel treat tree trust truth try turn twelve twenty twin two
    typical ultimate unit united universal unpaid unused unusual update upload upper urban urgent
    use usual vacant valid valuable value various vehicle verbal village violence virtual visible
    visit vital vocational voice void voluntary volunteer vote wait waiting walk wall war warm waste
    water weak wealth wear weather web weekend weekly weight welfare west wet white whole wide wild
    wind window wine winter wireless wise women wood wooden word work workplace world worn write
    wrong yearly yellow yes young
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
    administrator adult adviser advisor agency agent analyst applicant approver architect artist
    assessor assistant association attacker auditor authority authorizer baby bank bidder board
    borrower boy branch builder bureau business buyer candidate captain caregiver carer caretaker
    case chair charity chief child children church citizen claimant clerk client club coach
    colleague commission commissioner committee community company conservator constable consultant
    contractor controller cook coordinator council counsel court coworker creditor crew customer
    daughter dealer debtor dentist department deputy desk developer director division doctor donor
    driver employee employer engineer examiner expert facilitator family farmer father firefighter
    firm friend fund girl government governor group guardian guest helper holder hospital host
    household husband importer individual infant inhabitant inspector inspectorate institution
    instructor interpreter interviewee interviewer investigator issuer journalist judge juror keeper
    laboratory landlord landowner lawyer leader leadership lender librarian lifeguard man manager
    mayor mediator member men merchant midwife minister ministry mother museum neighbour nurse
    occupant occupier office officer official ombudsman operator organisation organization owner
    panel parent parliament participant partner partnership passenger patient patrol pedestrian
    pensioner person pharmacist physician pilot planner player police president principal processor
    producer program programme prosecutor provider pupil ranger recipient refugee registrar
    regulator representative requester researcher resident retailer reviewer rider school scientist
    secretary seller senate sender servant service sheriff skipper soldier solicitor son speaker
    sponsor squad staff student subscriber supervisor supplier surgeon surveyor taxpayer teacher
    team tenant tester trader trainee trainer traveler traveller treasurer tribunal trustee tutor
    union unit university user vendor verifier veteran veterinarian victim villager visitor
    volunteer voter warden wife witness woman women worker youth
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
