/** Tests of json and args. */
#include "args.hpp"
#include "folder.hpp"
#include "json.hpp"
#include "sha256.hpp"
#include "tests.hpp"

using namespace driftway;

TEST("Json: what the grammar allows, is read") {
  const auto json = Json::parse(R"( {"a":[1,-2.5e2,true,null],"b":{"c":"x\u00e9\ud83d\ude00\n"},"d":0} )");
  CHECK(json.has_value());
  CHECK_EQ(*json->find("a")->array()->at(1).number(), -250.0);
  CHECK_EQ(*json->find("b")->find("c")->string(), std::string("x\xc3\xa9\xf0\x9f\x98\x80\n"));
  CHECK_EQ(*json->find("d")->integer(), 0);
  CHECK(json->find("e") == nullptr);
}

TEST("Json: what the grammar does not allow, is refused") {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "01", "+1", "1.", ".5", "1e", "nul", "\"a", "\"\x01\"", "\"\\x\"", "\"\\ud800\"",
        "\"\\udc00\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "1 2", "{\"a\":1,\"a\":2}", "NaN", "Infinity",
        "1e999", "'a'", "{a:1}", "[1}"})
    check(!Json::parse(text).has_value(), __FILE__, __LINE__, std::string("refused: ") + text);
}

TEST("Json: deeper and longer than the bounds, is refused") {
  std::string deep;
  for (int i = 0; i < kJsonDepthMax; ++i) deep = "[" + deep + "]";
  CHECK(Json::parse(deep).has_value());
  CHECK(!Json::parse("[" + deep + "]").has_value());
  std::string many = "[0";
  for (int i = 0; i < kJsonValuesMax; ++i) many += ",0";
  CHECK(!Json::parse(many + "]").has_value());
  CHECK(!Json::parse(std::string(100'000, '[')).has_value());
}

TEST("Json: numbers that are not whole or too large, are no integers") {
  CHECK(!Json::parse("1.5")->integer().has_value());
  CHECK(!Json::parse("9007199254740994")->integer().has_value());
  CHECK_EQ(*Json::parse("-9007199254740992")->integer(), -9007199254740992ll);
}

TEST("JsonLine: any text, comes back as it was") {
  const std::string text("a\"b\\c\n\x01 \xc3\xa9", 11);
  const std::string line = JsonLine().text("t", text).number("n", -3).boolean("b", false).take();
  CHECK_EQ(*Json::parse(line)->find("t")->string(), text);
  CHECK_EQ(JsonLine().text("t", "\xff").take(), std::string("{\"t\":\"\\ufffd\"}"));
}

TEST("Args: a missing argument or one out of range, is named") {
  const auto json = *Json::parse(R"({"n":5,"u":"../x","p":"a/b","f":1})");
  Args good(json);
  CHECK_EQ(good.integer("n", 0, 5), 5);
  CHECK_EQ(good.integer_or("m", 0, 5, 3), 3);
  CHECK(good.is_good());
  Args bad(json);
  bad.integer("n", 6, 9);
  bad.name("u");
  CHECK_EQ(bad.fault(), std::string("n"));
  Args name(json);
  name.name("u");
  CHECK_EQ(name.fault(), std::string("u"));
  Args flag(json);
  CHECK_EQ(flag.boolean_or("f", true), true);
  CHECK_EQ(flag.fault(), std::string("f"));
}

TEST("is_plain_name: anything but a plain name, is refused") {
  CHECK(is_plain_name("7.1-a_B"));
  for (const char* name : {"", ".", "..", ".a", "a/b", "a b", "a\n"}) CHECK(!is_plain_name(name));
  CHECK(!is_plain_name(std::string(129, 'a')));
}

TEST("Sha256: the standard's examples, give the standard's digests") {
  const auto digest = [](const std::string& text) {
    Sha256 hash;
    for (const char c : text) hash.add({reinterpret_cast<const std::uint8_t*>(&c), 1});
    return hash.finish();
  };
  CHECK_EQ(digest(""), std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  CHECK_EQ(digest("abc"), std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  CHECK_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
           std::string("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
}
