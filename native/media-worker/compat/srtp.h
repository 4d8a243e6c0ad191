/**
 * The interface of libsrtp 3 that mediasoup's worker is written for, over Debian's libsrtp 2, which the build unpacks into `libsrtp/`.
 * Only what the worker uses. The names of functions that differ in their parameters only are overloads here.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

// libsrtp 2 calls a struct by the name that libsrtp 3 has for a pointer.
#define srtp_policy_t srtp2_policy_t
#include <libsrtp/include/srtp.h>
#undef srtp_policy_t

/** A policy in the making: libsrtp 2 wants the master key and its salt in one piece. */
struct Srtp3Policy
{
	srtp2_policy_t inner{};
	unsigned char key[SRTP_MAX_KEY_LEN]{};
};

using srtp_policy_t = Srtp3Policy*;

// Errors that only libsrtp 3 has; no function here returns them but for the first.
inline constexpr srtp_err_status_t srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
inline constexpr srtp_err_status_t srtp_err_status_cryptex_err  = static_cast<srtp_err_status_t>(29);

inline srtp_err_status_t srtp_policy_create(srtp_policy_t* policy)
{
	*policy = new (std::nothrow) Srtp3Policy{};

	return *policy ? srtp_err_status_ok : srtp_err_status_alloc_fail;
}

inline void srtp_policy_destroy(srtp_policy_t policy)
{
	if (!policy)
	{
		return;
	}

	explicit_bzero(policy->key, sizeof(policy->key));
	delete policy;
}

inline srtp_err_status_t srtp_policy_set_ssrc(srtp_policy_t policy, srtp_ssrc_t ssrc)
{
	policy->inner.ssrc = ssrc;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_profile(srtp_policy_t policy, srtp_profile_t profile)
{
	const auto err = srtp_crypto_policy_set_from_profile_for_rtp(&policy->inner.rtp, profile);

	if (err != srtp_err_status_ok)
	{
		return err;
	}

	return srtp_crypto_policy_set_from_profile_for_rtcp(&policy->inner.rtcp, profile);
}

inline srtp_err_status_t srtp_policy_add_key(
  srtp_policy_t policy,
  const uint8_t* key,
  size_t keyLen,
  const uint8_t* salt,
  size_t saltLen,
  const uint8_t* /*mki*/,
  size_t mkiLen)
{
	if (mkiLen != 0 || keyLen + saltLen > sizeof(policy->key))
	{
		return srtp_err_status_bad_param;
	}

	std::memcpy(policy->key, key, keyLen);
	std::memcpy(policy->key + keyLen, salt, saltLen);
	policy->inner.key = policy->key;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp_policy_t policy, bool allow)
{
	policy->inner.allow_repeat_tx = allow ? 1 : 0;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(srtp_policy_t policy, size_t size)
{
	policy->inner.window_size = size;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_create(srtp_t* session, srtp_policy_t policy)
{
	return srtp_create(session, const_cast<const srtp2_policy_t*>(&policy->inner));
}

inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return srtp_remove_stream(session, ssrc);
}

/** Runs a function of libsrtp 2, which works in place, from one buffer into another; `growth` is how much it may add. */
template<typename Transform>
inline srtp_err_status_t srtp2_transform(
  const uint8_t* from, size_t fromLen, uint8_t* to, size_t* toLen, size_t growth, Transform transform)
{
	if (fromLen + growth > *toLen || fromLen + growth > INT32_MAX)
	{
		return srtp_err_status_buffer_small;
	}

	if (to != from)
	{
		std::memmove(to, from, fromLen);
	}

	int len        = static_cast<int>(fromLen);
	const auto err = transform(to, &len);

	if (err == srtp_err_status_ok)
	{
		*toLen = static_cast<size_t>(len);
	}

	return err;
}

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* rtp, size_t rtpLen, uint8_t* srtp, size_t* srtpLen, size_t /*mki*/)
{
	return srtp2_transform(
	  rtp,
	  rtpLen,
	  srtp,
	  srtpLen,
	  SRTP_MAX_TRAILER_LEN,
	  [session](void* data, int* len) { return srtp_protect(session, data, len); });
}

inline srtp_err_status_t srtp_unprotect(
  srtp_t session, const uint8_t* srtp, size_t srtpLen, uint8_t* rtp, size_t* rtpLen)
{
	return srtp2_transform(
	  srtp,
	  srtpLen,
	  rtp,
	  rtpLen,
	  0,
	  [session](void* data, int* len) { return srtp_unprotect(session, data, len); });
}

inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* rtcp, size_t rtcpLen, uint8_t* srtcp, size_t* srtcpLen, size_t /*mki*/)
{
	return srtp2_transform(
	  rtcp,
	  rtcpLen,
	  srtcp,
	  srtcpLen,
	  SRTP_MAX_TRAILER_LEN + sizeof(uint32_t),
	  [session](void* data, int* len) { return srtp_protect_rtcp(session, data, len); });
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* srtcp, size_t srtcpLen, uint8_t* rtcp, size_t* rtcpLen)
{
	return srtp2_transform(
	  srtcp,
	  srtcpLen,
	  rtcp,
	  rtcpLen,
	  0,
	  [session](void* data, int* len) { return srtp_unprotect_rtcp(session, data, len); });
}
