/**
 * Tests of the compatibility headers, built and run with every build of the worker: the maps and sets against those of the standard
 * library over random operations, libsrtp's newer interface by round trips. Prints what failed and ends with 1.
 */
#include <ankerl/unordered_dense.h>
#include <srtp.h>
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>

static void check(bool isTrue, const char* what)
{
	if (isTrue)
	{
		return;
	}

	std::fprintf(stderr, "compat-test: %s\n", what);
	std::exit(1);
}

#define CHECK(condition) check((condition), #condition)

/** All keys in one bucket at first, so that runs of buckets get long and wrap around. */
struct Clashing
{
	size_t operator()(uint32_t key) const noexcept
	{
		return key % 3;
	}
};

template<typename Map, typename Expected>
static void checkSame(const Map& map, const Expected& expected)
{
	CHECK(map.size() == expected.size());

	for (const auto& [key, value] : expected)
	{
		const auto it = map.find(key);

		CHECK(it != map.end());
		CHECK(it->second == value);
	}
	for (const auto& [key, value] : map)
	{
		CHECK(expected.contains(key));
	}
}

template<typename Hash>
static void testMap(uint32_t keys, int steps)
{
	std::mt19937 random(keys);
	ankerl::unordered_dense::map<uint32_t, std::string, Hash> map;
	std::unordered_map<uint32_t, std::string> expected;

	for (int step = 0; step < steps; ++step)
	{
		const uint32_t key = random() % keys;
		const auto value   = std::to_string(random());

		switch (random() % 6)
		{
			case 0:
			{
				map[key]      = value;
				expected[key] = value;
				break;
			}
			case 1:
			{
				const auto [it, isNew] = map.emplace(key, value);
				CHECK(isNew == expected.emplace(key, value).second);
				CHECK(it->first == key && it->second == expected.at(key));
				break;
			}
			case 2:
			{
				CHECK(map.try_emplace(key, value).second == expected.try_emplace(key, value).second);
				break;
			}
			case 3:
			case 4:
			{
				CHECK(map.erase(key) == expected.erase(key));
				break;
			}
			default:
			{
				CHECK(map.contains(key) == expected.contains(key));
				CHECK(map.count(key) == expected.count(key));
			}
		}

		if (step % 997 == 0)
		{
			checkSame(map, expected);
		}
	}

	for (auto it = map.begin(); it != map.end();)
	{
		if (it->first % 2 == 0)
		{
			expected.erase(it->first);
			it = map.erase(it);
		}
		else
		{
			++it;
		}
	}

	checkSame(map, expected);

	auto copy  = map;
	auto moved = std::move(map);
	checkSame(copy, expected);
	checkSame(moved, expected);
	copy.clear();
	CHECK(copy.empty() && copy.find(1) == copy.end());
	copy[1] = "again";
	CHECK(copy.at(1) == "again");
	map = {};
	map.emplace(2, "a moved one can be used again");
	CHECK(map.size() == 1);

	bool threw = false;
	try
	{
		map.at(3);
	}
	catch (const std::out_of_range&)
	{
		threw = true;
	}
	CHECK(threw);
}

static void testSet()
{
	std::mt19937 random(7);
	ankerl::unordered_dense::set<void*> set;
	std::unordered_set<void*> expected;

	for (int step = 0; step < 50'000; ++step)
	{
		auto* key = reinterpret_cast<void*>(static_cast<uintptr_t>(random() % 500) * 4096);

		if (random() % 2 == 0)
		{
			CHECK(set.insert(key).second == expected.insert(key).second);
		}
		else
		{
			CHECK(set.erase(key) == expected.erase(key));
		}
	}

	CHECK(set.size() == expected.size());

	for (auto* key : set)
	{
		CHECK(expected.contains(key));
	}
}

static srtp_t sessionOf(srtp_profile_t profile, srtp_ssrc_type_t type)
{
	uint8_t key[64];

	for (size_t i = 0; i < sizeof(key); ++i)
	{
		key[i] = static_cast<uint8_t>(i * 7);
	}

	const size_t keyLen  = srtp_profile_get_master_key_length(profile);
	const size_t saltLen = srtp_profile_get_master_salt_length(profile);
	srtp_policy_t policy{ nullptr };
	srtp_ssrc_t ssrc{};
	srtp_t session{ nullptr };

	ssrc.type = type;
	CHECK(srtp_policy_create(std::addressof(policy)) == srtp_err_status_ok);
	CHECK(srtp_policy_set_ssrc(policy, ssrc) == srtp_err_status_ok);
	CHECK(srtp_policy_set_profile(policy, profile) == srtp_err_status_ok);
	CHECK(srtp_policy_add_key(policy, key, keyLen, key + keyLen, saltLen, nullptr, 0) == srtp_err_status_ok);
	CHECK(srtp_policy_add_key(policy, key, 65, key, 0, nullptr, 0) == srtp_err_status_bad_param);
	CHECK(srtp_policy_set_allow_repeat_tx(policy, true) == srtp_err_status_ok);
	CHECK(srtp_policy_set_window_size(policy, 1024) == srtp_err_status_ok);
	CHECK(srtp_create(std::addressof(session), policy) == srtp_err_status_ok);
	srtp_policy_destroy(policy);

	return session;
}

static void testSrtp(srtp_profile_t profile)
{
	auto* sender   = sessionOf(profile, ssrc_any_outbound);
	auto* receiver = sessionOf(profile, ssrc_any_inbound);
	uint8_t rtp[172]{ 0x80, 111, 0, 1, 0, 0, 3, 192, 0, 0, 0, 42 };
	alignas(4) uint8_t buffer[1500];

	for (uint8_t i = 1; i <= 100; ++i)
	{
		rtp[3]     = i;
		rtp[171]   = i;
		size_t len = sizeof(buffer);
		CHECK(srtp_protect(sender, rtp, sizeof(rtp), buffer, std::addressof(len), 0) == srtp_err_status_ok);
		CHECK(len > sizeof(rtp) && std::memcmp(buffer + 12, rtp + 12, 160) != 0);
		size_t plainLen = len;
		CHECK(srtp_unprotect(receiver, buffer, len, buffer, std::addressof(plainLen)) == srtp_err_status_ok);
		CHECK(plainLen == sizeof(rtp) && std::memcmp(buffer, rtp, sizeof(rtp)) == 0);
	}

	size_t small = sizeof(rtp);
	CHECK(srtp_protect(sender, rtp, sizeof(rtp), buffer, std::addressof(small), 0) == srtp_err_status_buffer_small);
	CHECK(srtp_unprotect(receiver, rtp, sizeof(rtp), buffer, std::addressof(small)) != srtp_err_status_ok);
	CHECK(srtp_stream_remove(sender, htonl(42)) == srtp_err_status_ok);

	const uint8_t rtcp[28]{ 0x80, 200, 0, 6, 0, 0, 0, 42 };
	size_t len = sizeof(buffer);
	CHECK(srtp_protect_rtcp(sender, rtcp, sizeof(rtcp), buffer, std::addressof(len), 0) == srtp_err_status_ok);
	size_t plainLen = len;
	CHECK(srtp_unprotect_rtcp(receiver, buffer, len, buffer, std::addressof(plainLen)) == srtp_err_status_ok);
	CHECK(plainLen == sizeof(rtcp) && std::memcmp(buffer, rtcp, sizeof(rtcp)) == 0);

	CHECK(srtp_dealloc(sender) == srtp_err_status_ok);
	CHECK(srtp_dealloc(receiver) == srtp_err_status_ok);
}

int main()
{
	testMap<ankerl::unordered_dense::hash<uint32_t>>(10, 20'000);
	testMap<ankerl::unordered_dense::hash<uint32_t>>(5'000, 100'000);
	testMap<Clashing>(100, 50'000);
	testSet();

	const ankerl::unordered_dense::map<std::string, int> names = { { "one", 1 }, { "two", 2 }, { "one", 3 } };
	CHECK(names.size() == 2 && names.at("one") == 1 && names.find("three") == names.end());

	CHECK(srtp_init() == srtp_err_status_ok);
	testSrtp(srtp_profile_aead_aes_256_gcm);
	testSrtp(srtp_profile_aead_aes_128_gcm);
	testSrtp(srtp_profile_aes128_cm_sha1_80);
	testSrtp(srtp_profile_aes128_cm_sha1_32);
	CHECK(srtp_shutdown() == srtp_err_status_ok);

	return 0;
}
