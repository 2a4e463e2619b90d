"""Spoken Chinese in one spelling: simplified characters, and numerals as digits."""

from __future__ import annotations

import re

# Recognisers write traditional characters now and then. Not a general converter: the
# characters of numbers, dates and short answers, and frequent ones of names and places.
_PAIRS = """
萬万 億亿 兩两 貳贰 參叁 陸陆 號号 歲岁 時时 後后 個个 這这 說说 問问 謝谢 請请 還还 過过 來来 們们
對对 錯错 沒没 無无 確确 認认 識识 講讲 聽听 見见 麼么 樣样 電电 話话 為为 嗎吗 點点 開开 關关 誰谁
張张 劉刘 陳陈 楊杨 趙赵 黃黄 吳吴 孫孙 馬马 羅罗 鄭郑 許许 馮冯 鄧邓 葉叶 蔣蒋 範范 鍾钟 譚谭 韓韩
蘇苏 盧卢 賈贾 蕭萧 鄒邹 賀贺 龍龙 錢钱 嚴严 賴赖 龔龚 顧顾 萊莱 湯汤 齊齐 龐庞 顏颜 莊庄 聶聂 魯鲁
偉伟 傑杰 國国 華华 軍军 強强 麗丽 靜静 艷艳 紅红 蘭兰 鳳凤 雲云 瑩莹 穎颖 慶庆 飛飞 鵬鹏 勝胜 東东
寶宝 貴贵 銀银 鐵铁 鋒锋 剛刚 達达 運运 遠远 進进 學学 實实 誠诚 義义 禮礼 賢贤 愛爱 夢梦 曉晓 陽阳
學学 業业 畢毕 區区 縣县 鄉乡 鎮镇 廣广 灣湾 寧宁 遼辽 濟济 漢汉 慶庆 長长 門门 橋桥 樓楼 單单 園园
銀银 農农 貸贷 買买 賣卖 書书 車车 醫医 師师 會会 員员 總总 經经 理理 機机 場场 術术 連连 緒绪 環环
"""
_SIMPLIFIED = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split()})

# Said on the telephone: 幺 one, 两 two, 拐 seven, 勾 nine, 洞 nought; and those of cheques.
_NUMERALS = str.maketrans(
    "零〇洞一幺壹二两贰三叁四肆五伍六陆七柒拐八捌九玖勾拾佰仟",
    "0001112223344556677788999十百千",
)
_PLACES = "十百千万亿"
# A pause inside a number; two digits apart may be two numbers ("January 1, 2000").
_GAP = re.compile(
    rf"(?<=[{_PLACES}])[\s,，、]+(?=[0-9{_PLACES}])|(?<=[0-9])[\s,，、]+(?=[{_PLACES}])"
)
_RUN = re.compile(rf"[0-9]*[{_PLACES}][0-9{_PLACES}]*")
_BELOW_TEN_THOUSAND = re.compile(
    r"(?:([0-9])千)?0?(?:([0-9])百)?0?(?:([0-9]?)十)?0?([0-9])?"
).fullmatch
# "一百二" is a hundred and twenty to one speaker and a mishearing of 102 to another.
_SHORTENED = re.compile(r"[百千万][1-9]$").search


def simplified(text: str) -> str:
    """The text with the traditional characters that we know made simplified."""
    return text.translate(_SIMPLIFIED)


def with_digits(text: str) -> str:
    """Chinese numerals as digits: "五二六〇" -> "5260", "一千零二十三" -> "1023".

    A number that is not well formed keeps its place words, so that no caller takes
    it for digits.
    """
    return _RUN.sub(_number, _GAP.sub("", text.translate(_NUMERALS)))


def has_place_words(text: str) -> bool:
    """Whether with_digits() left a number that it could not read."""
    return any(place in text for place in _PLACES)


def _number(run: re.Match[str]) -> str:
    high, wan, low = run[0].rpartition("万")
    tens, units = _value(high), _value(low)
    if tens is None or units is None or _SHORTENED(run[0]) or (wan and not tens):
        return run[0]
    return str(tens * 10_000 + units)


def _value(digits: str) -> int | None:
    if not (found := _BELOW_TEN_THOUSAND(digits)):
        return None
    thousands, hundreds, tens, units = found.groups()
    # "十" alone is ten: the place word without a digit counts once.
    ten = int(tens or 1) if tens is not None else 0
    return (
        int(thousands or 0) * 1000
        + int(hundreds or 0) * 100
        + ten * 10
        + int(units or 0)
    )
