"""The words that matter around times, each with its class: one character, so that a grammar can be written over the classes.

A word that is not here is `w` (`W` in scripts without blanks); those in `-ing` are ordinary (`r`), since no unit is called so.
"""

import re

_WORDS = {
    # Units of time, and what is counted in something else.
    "s": """s sec secs second seconds sek sekunde sekunden segundo segundos seg segs seconde secondes secondi secondo seconden
        сек секунда секунды секунд секунде секунду с ثانية ثواني ثوان 秒 秒钟 秒鐘 秒間 초""",
    "m": """m mn min mins minute minutes minuto minutos minuti minuten мин минута минуты минут минуте минуту دقيقة دقائق
        分 分钟 分鐘 分間 분""",
    "h": """h hr hrs hour hours stunde stunden heure heures hora horas ora ore uur час часа часов ч ساعة
        小时 小時 時間 시간""",
    "F": """% ‰ percent percents percentage prozent pct ms msec msecs millisecond milliseconds µs μs microseconds
        frame frames frm frms fps hz khz px pixels pm am oclock uhr 帧 幀 フレーム 프레임 кадр кадры кадров 毫秒 百分 点 點 时 時
        year years yr yrs day days week weeks month months age aged ages score scored scores won win wins lost beat version v
        phone tel index indices idx km cm mm meters metres hh""",
    # Between the two times.
    "t": """to till until til through thru → bis à jusqu'à jusqu'au hasta até tot до по fino إلى الى حتى
        到 至 直到 直至 から 부터 에서""",
    "A": "a al au ao alle",
    "&": "& and und et y e и و 和 与 與 及",
    "b": "between tra fra zwischen entre tussen между بين 介于",
    "v": "from von vom de del du desde des da dal dalle van vanaf от из من 从 從 自 由",
    "C": "continues continuing continued continue goes going runs extends stays remains on onwards all way right up",
    # What names a start and an end.
    "S": """start starts started starting begin begins began beginning onset beginn anfang début inicio inizio начало
        开始 開始 起始 始于 开始于 开始时间 開始時間 起始时间 시작""",
    "E": """end ends ended ending finish finishes finished finishing stop stops stopped stopping ende fin final конец
        结束 結束 终止 结束于 结束时间 結束時間 终止时间 終了 끝 종료""",
    # Words that may stand between those names and their numbers, and in front of a time.
    "a": """at by the time timestamp timestamps timecode t moment position mark um zum la le las el los w/
        第 在 于 於 是 为 為 时间 時間点 时刻""",
    "g": """≈ about around approximately approx roughly circa ca nearly almost exactly precisely just ungefähr etwa environ
        aproximadamente unos около примерно 约 約 大约 大約 大概""",
    "@": "is are was were be being equals answer",
    "O": "of",
    # Names of things that carry a number, and what else changes the meaning of a number beside it.
    "L": """# event events segment segments clip clips scene scenes shot shots part parts step steps item items camera cameras
        section sections chapter chapters page pages question questions option options number numbers episode episodes figure
        table line lines row rows level levels round rounds case example instance instances nr lap laps grade room
        rooms track tracks lane channel floor gate seat player players team teams volume verse 事件 片段 场景 步骤""",
    "N": """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
        nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half quarter minus negative plus
        past point dot comma than least most 〇 零 一 二 三 四 五 六 七 八 九 十 百 千 万 萬 亿 億 两 兩 半 几 数 負 负""",
    "Q": "first last next another",
    "X": "not never except excluding without isn't wasn't 不 不是 非",
    "o": "or either alternatively oder ou или 或 或者",
    "Z": """no nope wait actually sorry correction corrected instead rather scratch oops nein non rectification 不对 不對 更正""",
    "D": "for takes took every additional within after lasts lasting lasted",
    "R": "times away long longer later earlier ago apart left remaining before each length",
    "r": """when while as where during into inside which who that this these those there then so but because since with if
        into over under he she they it we you i his her their its an near out off against across along
        also only please see seen show shows shown video person man woman
        event's inclusive respectively based therefore thus hence overall within itself both has have had can could may
        im der die das den dem wo wenn während dans quand où mientras cuando que lo nel quando mentre в на когда
        之间 之間 间 間 左右 处 處 的 了 止 为止 まで に の は 까지 사이 内 里""",
    "p": "in en",
}
CLASSES: dict[str, str] = {word: name for name, words in _WORDS.items() for word in words.split()}

_PART = re.compile(r"_+|(?<=[a-z])(?=[A-Z])")


def class_of(word: str) -> str:
    """The class of a word; of a name like `start_time` or `endFrame`, what its parts say."""
    name = CLASSES.get(word) or CLASSES.get(folded := word.casefold())
    if name is None:
        parts = {CLASSES.get(part.casefold(), "w") for part in _PART.split(word)} if "_" in word or not word.islower() else set()
        ends = parts & set("SE")
        name = "F" if parts & set("Fmh") else ends.pop() if len(ends) == 1 else "r" if folded.endswith("ing") else "w"
    return name
