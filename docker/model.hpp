#pragma once
// Docker's wire types, all of them. See model_base.hpp for how they are read and sent.

#include "docker/model_container.hpp"
#include "docker/model_service.hpp"
#include "docker/model_swarm.hpp"
