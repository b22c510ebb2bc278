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
    able absent academic accept acceptable access account accounts accurate acquire activate
    activated active activities acts actual adapt adapters add adding additional address adequate
    adjacent admin administration administrators admit adopt adult adverse advice affected afford
    afternoon afterwards again aged agencies agency agenda agents agreed aid aim air alarm alcohol
    alert alien align allow allowed alter alternate alternative amend amendments amount amounts
    ample analyse analysts analyze ancient anger animal announce announcement annoy annual anonymous
    answer antivirus app appeal appear appendix applicable applicants apply appointments appreciate
    approach approval approve approved approximate apps archive arrange arrival arrivals arrive art
    articles artificial aside ask assets assign assigned assist assume assurance attach attack
    attacker attackers attempt attempts attend attendees attribute attributes audit auditing audits
    author authority authors auto automate automatic average avoid await award aware awareness back
    backup bad bag ball ban bank banner bar bare bargain barrier base basic basis batch bathroom
    battery beach bear become beds beer begin beginners behave bell belong bench benefit bespoke
    best better bias bicycle bid big bikes bill billing bind binding biometric biometrics bird birth
    bit bits black blame blank blanket blind block blog blood blue board boat body bold bond bonus
    book border boss bottle bottled bounty box boy branch brand breach breaches bread break
    breakfast bridge brief bright bring broad broken brother brown browse browser browsers buckets
    budget bug bugs build bulk bulletin bundle burden bus business button buy buyers bytes cab
    cabinet cable cabs cake calculate calendar call calls calm camera campus cancel candidate
    candidates capital car card care careful caregivers carry cars cases cash cast casual cat
    catalog cats cause caution celebrate cell central certain certificate certificates certified
    certify chain chair challenge change channel chapter charge charges charity chat chats cheap
    check chemical chemistry chief child children choice choose chronic circle citizens city civic
    civil claim claimant claimants clarify class classes classical classified classify clause clean
    cleaners clear clerk clerks clever click client clients climate clinical clock close closed
    closer clothing cloud club clubs coach code codes coffee cold colleague colleagues collect
    college colleges colour combine comfort command comment comments commit common communication
    community commute commuters compact companies company compare compatible compete complaint
    complaints complement complete completed complex compliant comply component components
    comprehensive compress compute computer computers concern concerns conclude concrete conditional
    conduct conference conferences confidential config configure confirm conflict conflicts connect
    connected connectors consent consider consistent constant construct consult consumers contact
    contain content context continue contract contractor contractors contracts contribute
    contributors control convert cookie cookies cool cooperate coordinate copies copy core corporate
    correct corrected correctness cost costs council counsel counsellors count country couple
    coupons courage courier couriers courses court courts cousin cover coworkers craft crane create
    credentials credit credits crew crime criminal criteria critical crop cross crowd crucial
    cultural culture curious currency current custom customer customers customize cut cyber cycle
    daily dairy damage danger dangerous dark dashboard data database databases dates daughter day
    days dead deadline deaf deal dealers dear death debt decide decline decode dedicated deem deep
    default defective define defines degree delay delays delegate delegates delete deliver demand
    demands denied dental deny depart depend dependents deploy deposit depth derive derived describe
    deserve design desired desk desktop detail detailed detect deter determine develop devices diet
    differ differences different difficult dig digital dinner direct directors dirty disable
    disabled discard disclose disconnect discount discounts discourage discover discrete discuss
    display dispose distant distinct distribute ditch diverse divide doctors document documented
    documents dog dollars domain domains domestic donate donors door double doubt download downloads
    downtime draft draw drawer drawers dress drill drink drive driver driving drop drug dry dual due
    duplicate duration dust duties duty dynamic eager earlier early earn ears ease easy eat economic
    edit editors effective efficient effort eggs eight either elderly elect election electric
    electrical electricity electronic element elementary elements elevators eligible eliminate else
    email emails embed emerge emergency emphasis employ employee employees employers empty enable
    encode encounter encourage encrypted encryption end endpoint endpoints energy enforce engage
    engineers english enhance enjoy enough enrol enroll enrolled ensure enter enterprise entire
    entities entity entries entry envelope envelopes environmental equal equipment equitable equity
    error errors escape escort essays essential establish establishes estate estimate estimates
    ethical ethics evaluate even evening event events every everyday evidence evil exact examine
    example examples exams exceed except excess exchange exclude exclusive execute executive exempt
    exercise existing exit expand expect expense expenses expensive experience expert experts expire
    expired expires explain explicit explore export expose express extend extended extent external
    extra extreme eyes face facilitate facilitators facility factor factors facts fail fair fake
    fall false familiar families family fans fare fares farm farmers fashion fast fatal father fault
    favour fear feature features federal fee feedback feel fees feet fellow female fences few field
    fields fight figure figures file files fill filter filters final finance financial find fine
    finger fire firearms firewall firm firms first fish fishing fit five fix fixed flag flat
    flexible flight flights flood floor flow flowers fluent focus folder folders folk folks follow
    fonts food foot footage footer forbid force foreign forget forgotten fork form formal formats
    former forms formula fortnightly forty forums forward fossil foster found foundational founders
    four frames framework fraud free freeze freight frequency frequent fresh friend front frozen
    fruit fuel full fully fun functional functions fundamental funding furniture further future game
    gaps garden gas gate gates gather gear gender general generate generic gentle geography get
    giant gift gifts girl give glad glass glasses global glove go goals gold golden good goods
    governance government governments grab grade grades graduate graduates grant grants graph grass
    gratitude grave great greater green greet grey grief gross ground grounds group groups grow
    growth guarantee guard guards guess guest guests guidance guide guidelines guides guild guilds
    guilt gun habit habits hackers hair half hall hallway hand handle handmade handy hang happy hard
    hardware harm harms hash hate have havoc hazard head header headquarters health hear heat
    heating heavy height helmets help helpful hens hidden hide hierarchy high higher highlight
    highly hint hire hires historic history hit hold holders hole holiday holidays home homework
    honest honor honour hope horse horses hospital host hosts hot hotel hotels hour hours household
    houses housing however huge human humans hundred hungry husband hybrid hygiene ice icon icons
    idea ideal ideally ideas identical identifier identifiers identify identities identity idle
    ignore ill illegal illicit illness image images imagine immediate impact imply import important
    impose impossible improper improve in-person inactive inbound inbox incident incidents include
    inclusive income incoming inconsistent incorrect increase indicate indirect individual
    individuals indoor industrial influence inform informal information infrequent inherent initial
    initiate injury inner input inputs inquire insecure insert inside inspect install instead
    institutions instructors insurance integrate intellectual intelligent intend intense intent
    interactive interagency interest interested interim internal international internet interns
    interpret interpreters interviewers interviews introduce invalid invent invest invite invoices
    involve iron irregular island isolate issue issuers issues item items itineraries itinerary job
    jobs join joining joint journalists joy judge juice jump junior jury just keep key keys kids
    kill kind kindness kitchen kits know knowledge labels labour lack ladders land language laptop
    laptops large larger last lasting late later latest latter launch law lawful laws lawyers lead
    leaders leak leaks leap learn lease leather leave leaves lecture lectures left legacy legal
    legislation leisure length less lessons let letter letters level levels liable libraries library
    licence license lids lie life lift light lights likely limit limits line linear link linked
    links liquid list listen listeners lists literacy litter little live load loan loans lobby local
    locals location locations lock locked lockers log logic logical login logins logo logs lone long
    longer look loop loose lose loss losses lost lots loud love low lower loyal luck luggage lunch
    machine machines mad magazines magnetic mail mailbox main maintain major make male malicious
    malware man manage managers mandatory manual manuals manufacturers many map margin marine
    marital mark marked market married masks mass master match matched material materials math
    mature maximum maybe mayors meal meals mean meaningful means measure measures meat mechanical
    media mediate medical meet meetings members membership memo memorized memory men mental mention
    mentors menus merge merit message messages meta metal meter method methods metrics micro
    micropurchase mid mid-year midday middle midnight midyear migrate mild military milk mind mine
    minimal minimise minimize minimum minister minor mint minute minutes miss missed mission mistake
    mistakes misuse mitigate mix mixed mobile model moderate moderators modern modify module modules
    moisture moment money monitor monitors month monthly months moral more morning most motivate
    motor mountain mouth move movers movies multi multifactor multiple music musicians mutual myths
    naive name namely names narrow nation national native natural navigate near nearby nearest neat
    need negative neglect negotiate neighbours neither nested net network neutral never new newborn
    newborns newcomer newer newly news newsletter next nice night nine nobody noise nominate non
    non-public none nonetheless nonprofit normal normative north note notes noteworthy nothing
    notice notices notify novel novices nuclear null numbers numeric nurse nurses nutrition oath
    obey object objections objects obligate observe obsolete obtain occasional occupancy occur odd
    offer offers office offices officials offline offset often oil old older omit onboard once ones
    ongoing online only onsite open opens operate operators opportunities opt optional options oral
    order orders ordinary organic organise organizations organize orient original originate orphan
    other ought outages outbound outcomes outdoor outer outgoing outline outlook output outputs
    outside outstanding overall overdue overlap overnight override oversee overtime overview owe own
    owner owners oxygen pace pack packages packed page pages paid pain paint pair panels paper
    papers paperwork paragraph parcel parent parents park parking parks part partial particular
    parties partner partners parts party pass passages passengers passes passive passphrases
    passport passports password passwords past patch patches path patient patients patterns pause
    pave pay payment payments payroll peace peer peers penalties penalty pencils pending pens
    pension people per percentages perfect perform perfume perhaps periodic permanent permissions
    permit permits persist person personal personnel persons perspective pet petition petrol phase
    phishing phone phones photo photographs photos phrase physical physicians pick pickup pictures
    piece pilot pilots pink pioneer pipes pirates pitch place places plain plan plans plant plants
    plastic platform platforms play players please pledge plenty plot plots plug point points police
    policies policy polite political poll pool pools poor popular port portable portal portfolio
    portion ports pose positions positive possible post posters posts potatoes potential poverty
    power powerful practical practice practise pre-approved precious precise predict prefer prefix
    pregnant preliminary prepare preparing presence present presenters preserve press pretend
    prevent previous price prices pride primary principal print printers prior priority prisons
    privacy private prize prizes pro probable probe problem problems proceed process procurement
    procurements produce producers product products professional profile profiles profit prohibit
    project projects promise promote prompt prompts prone proof proofs propagate proper property
    propose prospective protect protection protocols proven provide providers provisional proximity
    pseudonymous pseudonyms psychology public publications publish pull punctual pupils purchase
    pure purpose purposes pursue push put puzzles qualified qualify quality quantum quarrels quarter
    quarterly query question questions queue quick quickly quiet quit quite quota quotas quote
    quotes race racks radical radio rail rain raise random range ranges rank ranks rapid rare rate
    rates ratify ratings ratio rational raw reach react read readers readiness reads ready real
    reason reasonable reasons reassign reboot recall receipt receipts receive receivers recent
    recipients reclaim recognise recognize recommend reconcile record recover recovery recruiters
    recruits rectify recusal recycle red redirect redress reduce reduced redundant refer reference
    references refine reflect reform refresh refund refunds refuse regard regardless regional
    regions register registrants registration regret regular regulated regulations reimburse
    reinstate reject relate related relations relatives relay relays release relevance relevant
    reliable relief relies relocate reluctant rely remainder remember remind reminders remit remote
    removal remove render renew renewal renewals rent rental rents reopen reorganize repair repay
    repeat repeated replace replicas replies reply report reporters reports repositories represent
    request requests require required requirements requires rescue research reserve reserves reset
    residence resident residential residents resist resolve resource resources respect respond
    respondents responders response responses rest restart restore restrict restricted restrictions
    result results resume resumes retail retain retire retirees retry return reuse reveal revenue
    reverse review reviewers reviews revised revoke reward rewards rewrite rich riders rides right
    rigid ring rise rising risk risks risky rival river road roads robots robust role roles roll
    rolling roof room rotate rough round routes routine rows royal rubber rubbish rule rules run
    runs rural sad safe safeguards safer safety sail salaries salary sale salt same sample samples
    sanctions sand satisfy save savings scale scam scan scans scarce scarf schedule schemas scheme
    school schools science scope scores scouts scrap screen screens scripts scroll sea seals search
    seasonal seasons seats second secondary secret secrets sections sector sectors secure security
    see seek segments seldom select self self-assessments sell sellers semantic seminars senators
    send sender senders senior sense sensitive sensors sentences separate sequence serial series
    serious servant servants servers service services session sessions set settings settled setup
    seven several severe sewage sex shape share shared shares sharp sheet shelter shelves shift
    shifts ship shipments shoes shop shops short shortages shorter should shoulder show shred
    shuffle shut shuttle siblings sick side sight sign sign-ups signals signatures signed
    significant signs silence silent silver similar simple simplify simulate since singers single
    sister sit site sites six sizes sketch skill skilled skills skip slack sleep slides slots slow
    small smaller smart smartphones smoke smoking smooth snow soap sober social soft software soil
    solar sole solid someone sons soon sorry sort sorts sound sounds source south spaces spam spare
    speak speakers special specialists specialty species specific specify speech speed spells spend
    sphere split sponsor sponsors sports spot spouses spread spring square staff staffing stages
    stairs stakeholders stale stamp stamps standard stands star start starters starts state
    state-issued statements states static stationery stations statistics statutory stay steady steel
    steps stick sticky still stock stolen stone stop storage store stores stories storm strange
    strategic strategies strategy stream streams street streets strength stress strict strike string
    strings strip strong stronger structure struggle student students studies study style styles
    subcontractors subdomains subject subjects submissions submit subordinate subscribe subscriber
    subscribers subset subsidies subsidy substantial substitute subtract subway succeed successful
    such sudden suffer sufficient suggest suggestions suitable suite sum summaries summarise
    summarize summary summer sun sunlight superb supervise supervisor supervisors suppliers supplies
    supply support supporters suppose surcharge surface surgeons surnames surplus surprise survey
    surveys survive suspect suspend suspicious sustain swap swear sweet swift swimming switch symbol
    symbols symmetric sync synonyms syntax systems table tables tablets tackle tactics tag tags tail
    tailor take takeaways talk tall tamper target targets task tasks taste tax taxes taxi taxis
    taxpayers tea teach teachers team teams tech technical technicians techniques telephone telework
    tell template templates tempo temporarily temporary ten tenant tenants tend tenders tenure term
    terminals terminate terms terrible test tested tests text texts thanks theatre theft theory
    therapy thick thieves thin things think third thirty thorough thoughts thousand thread threads
    threat threats three throughput throw ticket tidy tie ties tight timber time tiny tips tire
    tired tissue title titles tobacco together toilets token tokens tolerance tone tongue tool tooth
    top topics total touch tough tourist tours tower town towns toxic toys traces track trade trades
    traditional traffic trail trailers train trainees trainers trains transactions transcribe
    transcripts transfer transfers transform transient transit translate translators transmit
    transparent transport trap trash travel travelers travellers treasure treat treaties tree trial
    trials tribal trick tricks trigger trips trouble trucks true trust trusted trustees truth try
    tune tunnel turn turnover tutors twelve twenty twice twin twist two two-factor types typical
    typos ultimate umbrella unanimous unauthorised unauthorized unavailable unaware uncertain
    unclear undergo underlying understand undertake undo unencrypted unfair unfortunate unhappy
    unified uniform unilateral unions unique unit united units universal universities unknown unless
    unlike unlimited unlock unofficial unpaid unplanned unpleasant unrelated unresolved unsafe until
    untrained unused unusual unwanted update updated updates upgrade upgrades upload uploads upon
    upper uppercase upset urban urge urgent usage use useful user usernames users usual utility
    vacancies vacant vaccines vague valid validate validity valuable value values vans variable
    variants various vary vegetables vehicle vehicles vendor vendors verbal verbs verifiers verify
    versions veterans via victims video videos view viewers views village villages violate
    violations violence virtual visa visible visit visitors visuals vital vocabulary vocational
    voice voices void volume volumes voluntary volunteer volunteers vote voters votes voucher
    vouchers vulnerabilities vulnerable wages wait waiting waive waivers walk walks wall wallet
    wallets walls want war ward wardens warm warn warnings warranty wash waste watch water waters
    waves ways weak weaken wealth weapons wear weather web web-based webinar webinars website
    websites weekdays weekend weekly weeks weigh weight welcome welfare west wet wheelchair wheels
    whenever white whole wide widespread widow widows wife wild willing win wind window windows wine
    winners winter wipe wire wireless wise wish withdraw withhold witness witnesses wives women
    wonder wood wooden wool word work worker workers workflow workforce workplace workplaces works
    workshop workshops world worldwide worn worry worse worth wound wrap write writers written wrong
    year yearly years yellow yes yet yield young youth zero zones
    """.split()  # noqa: SIM905
)
"""Words that open a sentence without an article though no suffix shows that they are no names."""

COMMON_ENDINGS = (
    *("ing", "ly", "tion", "sion", "ment", "ness", "ity", "ance", "ence", "ship", "ism", "age"),
    *("ure", "ed", "ful", "less", "ous", "able", "ible", "ive", "ics", "ary", "ware"),
    *("ery", "ory", "ology", "graphy", "ise", "ize", "ify", "ical", "ial", "ional", "ent", "ative"),
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

IRREGULAR = dict(
    pair.split(":")
    for pair in """
    paid:pay held:hold kept:keep sent:send given:give gave:give taken:take took:take made:make
    left:leave lost:lose sold:sell bought:buy brought:bring built:build written:write wrote:write
    chosen:choose chose:choose begun:begin began:begin broken:break broke:break come:come came:come
    done:do drawn:draw drew:draw driven:drive drove:drive eaten:eat fallen:fall fell:fall felt:feel
    found:find forbidden:forbid forgotten:forget got:get gotten:get gone:go went:go grown:grow
    grew:grow heard:hear hidden:hide known:know knew:know laid:lay led:lead lent:lend met:meet
    meant:mean ridden:ride run:run ran:run said:say seen:see saw:see shown:show spent:spend
    spoken:speak spoke:speak stood:stand stolen:steal stole:steal taught:teach told:tell
    thought:think understood:understand withdrawn:withdraw withheld:withhold won:win worn:wear
    children:child men:man women:woman lives:life wives:wife leaves:leave
    """.split()  # noqa: SIM905
)
"""Forms that no suffix rule brings to their base."""
