/**
 * What nearly every source of the worker includes, compiled once as a prefix header. Saves compile time only: all of it has include
 * guards, and none of it looks at macros that a source sets first (Logger.hpp does, so it must never be here).
 */
#pragma once

#include "common.hpp"
#include "FBS/notification.h"
#include "FBS/request.h"
#include "FBS/response.h"
#include <ankerl/unordered_dense.h>
#include <flatbuffers/flatbuffers.h>
#include <map>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <uv.h>
#include <vector>
