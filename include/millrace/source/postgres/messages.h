// SPDX-License-Identifier: Apache-2.0
// Every pgoutput message of protocols 1 to 4: read the head with peek(), then hand fields_of() to the type's
// decoder.
#pragma once
#include "millrace/source/postgres/logical_message.h"  // M
#include "millrace/source/postgres/message_head.h"     // peek(), fields_of()
#include "millrace/source/postgres/prepared.h"         // b P K r p
#include "millrace/source/postgres/relation.h"         // R Y
#include "millrace/source/postgres/row.h"              // I U D T
#include "millrace/source/postgres/transaction.h"      // B C O S E c A
