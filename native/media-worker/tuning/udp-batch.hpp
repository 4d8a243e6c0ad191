/**
 * Datagrams that one turn of reading makes the worker send, kept and given to the kernel together (sendmmsg): a packet of a speaker
 * goes to everybody in the room, and each system call of its own costs as much as a tenth of the forwarding. Included by the patched
 * UdpSocketHandle.cpp only; one thread, as each worker.
 *
 * Bound: `Most` datagrams, then they go; and none is kept beyond the read that it came from.
 */
#pragma once

#include <sys/socket.h>
#include <uv.h>
#include <array>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>

/** Datagrams that one call of the kernel reads. Each takes the first lines of a piece of 64 KiB: more would leave the first cache. */
static constexpr size_t ReadsMost{ 8 };

template<typename Socket>
class UdpBatch
{
public:
	/** Reading has begun: what is sent from now on may wait until its end. */
	void Open()
	{
		this->isOpen = true;
	}

	/** False: it has to be sent by itself, after all that was kept before. */
	bool Keep(Socket* socket, uv_udp_t* handle, const uint8_t* data, size_t len, const sockaddr* to)
	{
		if (!this->isOpen)
		{
			return false;
		}

		if (this->count == Most || (this->count > 0 && this->socket != socket))
		{
			Send();
		}

		// What libuv still has to send goes first.
		const bool isFit = len <= MostBytes && uv_udp_get_send_queue_count(handle) == 0;

		if (!isFit || (this->count == 0 && uv_fileno(reinterpret_cast<uv_handle_t*>(handle), &this->fd) != 0))
		{
			Send();

			return false;
		}

		const socklen_t toLen = to->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
		Slot& slot            = this->slots[this->count];
		msghdr& message       = this->messages[this->count].msg_hdr;

		std::memcpy(slot.data, data, len);
		std::memcpy(&slot.to, to, toLen);
		slot.part           = { slot.data, len };
		message             = {};
		message.msg_name    = &slot.to;
		message.msg_namelen = toLen;
		message.msg_iov     = &slot.part;
		message.msg_iovlen  = 1;

		this->socket = socket;
		this->count += 1;

		return true;
	}

	/** Reading has ended. */
	void Close()
	{
		this->isOpen = false;

		Send();
	}

	/** The socket is about to end. */
	void Forget(const Socket* socket)
	{
		if (this->socket == socket)
		{
			Send();
		}
	}

private:
	static constexpr size_t Most{ 64 };
	/** More than any audio packet; larger ones are sent by themselves. */
	static constexpr size_t MostBytes{ 512 };

	struct Slot
	{
		sockaddr_in6 to;
		iovec part;
		uint8_t data[MostBytes];
	};

	void Send()
	{
		const size_t all   = this->count;
		const bool wasOpen = this->isOpen;

		if (all == 0)
		{
			return;
		}

		this->count = 0;

		const int sent = sendmmsg(this->fd, this->messages.data(), static_cast<unsigned>(all), 0);

		// What the kernel did not take goes the usual way, which waits or gives up.
		this->isOpen = false;

		for (size_t i = sent < 0 ? 0 : static_cast<size_t>(sent); i < all; ++i)
		{
			const Slot& slot = this->slots[i];

			this->socket->Send(
			  slot.data, slot.part.iov_len, reinterpret_cast<const sockaddr*>(&slot.to), nullptr);
		}

		this->isOpen = wasOpen;
	}

	bool isOpen{ false };
	int fd{ -1 };
	size_t count{ 0 };
	Socket* socket{ nullptr };
	std::array<Slot, Most> slots;
	std::array<mmsghdr, Most> messages;
};
