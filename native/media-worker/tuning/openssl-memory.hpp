/**
 * Memory of OpenSSL's large buffers: three of 17 to 22 kB per transport, of which a handshake uses the first page or two. Each gets
 * a piece of a range of its own, whose pages go back to the system when it is freed: among the small objects of the heap they would
 * leave holes that stay resident, in huge pages above all. Thread-safe; header only, included by one file.
 */
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <vector>

class OpenSslMemory
{
	/** From here on a buffer is large. */
	static constexpr size_t LargeBytes{ 12 * 1024 };
	static constexpr size_t PieceBytes{ 24 * 1024 };
	/** Of addresses, not of memory: 384 MiB, for 5,000 handshakes at once. When all are taken the heap serves. */
	static constexpr size_t Pieces{ 16 * 1024 };

public:
	/** Once, before anything else of OpenSSL. */
	static void Use()
	{
		void* range = mmap(
		  nullptr, Pieces * PieceBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (range == MAP_FAILED)
		{
			return;
		}

		madvise(range, Pieces * PieceBytes, MADV_NOHUGEPAGE);

		if (CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1)
		{
			first = static_cast<char*>(range);
		}
		else
		{
			munmap(range, Pieces * PieceBytes);
		}
	}

private:
	static bool IsPiece(const void* address)
	{
		const auto* at = static_cast<const char*>(address);

		return first && at >= first && at < first + (Pieces * PieceBytes);
	}

	static void* Allocate(size_t size, const char* /*file*/, int /*line*/)
	{
		if (size >= LargeBytes && size <= PieceBytes && first)
		{
			const std::lock_guard<std::mutex> lock(mutex);

			if (!free.empty())
			{
				char* piece = free.back();

				free.pop_back();

				return piece;
			}
			else if (used < Pieces)
			{
				return first + (PieceBytes * used++);
			}
		}

		return size == 0 ? nullptr : std::malloc(size);
	}

	static void* Reallocate(void* address, size_t size, const char* file, int line)
	{
		if (!IsPiece(address))
		{
			return std::realloc(address, size);
		}

		if (size > 0 && size <= PieceBytes)
		{
			return address;
		}

		void* moved = Allocate(size, file, line);

		if (moved)
		{
			std::memcpy(moved, address, std::min(size, PieceBytes));
		}
		if (moved || size == 0)
		{
			Free(address, file, line);
		}

		return moved;
	}

	static void Free(void* address, const char* /*file*/, int /*line*/)
	{
		if (!IsPiece(address))
		{
			std::free(address);

			return;
		}

		madvise(address, PieceBytes, MADV_DONTNEED);

		const std::lock_guard<std::mutex> lock(mutex);

		free.push_back(static_cast<char*>(address));
	}

private:
	inline static char* first{ nullptr };
	/** Pieces that were ever given out. */
	inline static size_t used{ 0 };
	inline static std::vector<char*> free;
	inline static std::mutex mutex;
};
