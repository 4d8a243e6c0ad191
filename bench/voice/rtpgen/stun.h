/** The two STUN messages that an ICE-controlling client needs toward an ICE-lite server (RFC 8489, RFC 8445). Pure. */
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

/** Credentials of the server's side of one transport. */
struct IceCredentials {
  std::string ufrag;
  std::string password;
};

/** Writes a nominating binding request; returns its length (at most 200 bytes). `number` makes the transaction id. */
size_t write_binding_request(uint8_t* out, const IceCredentials& server, uint64_t number);

/** Whether this is a binding success response. Its integrity is not checked: loopback only. */
bool is_binding_success(const uint8_t* packet, size_t bytes);
