/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Numbers of the interface. Those of Windows have Windows' values; ours start at 100 where Windows
 * may add some. They are passed as int, because a later broker may know more of them than this
 * header.
 */

/* What a trigger is: bgt_trigger_kind(). */
enum bgt_trigger_kind {
        BGT_TRIGGER_TIME = 1,
        BGT_TRIGGER_MAINTENANCE = 2,
        BGT_TRIGGER_SYSTEM = 3,
        BGT_TRIGGER_APPLICATION = 4,
        BGT_TRIGGER_CUSTOM_SYSTEM_EVENT = 5,
        BGT_TRIGGER_MEDIA_PROCESSING = 6,
        BGT_TRIGGER_DEVICE_USE = 7,
        BGT_TRIGGER_DEVICE_SERVICING = 8,
        BGT_TRIGGER_DEVICE_CONNECTION_CHANGE = 9,
        BGT_TRIGGER_DEVICE_WATCHER = 10,
        BGT_TRIGGER_STORAGE_CONTENT_CHANGED = 11,
        BGT_TRIGGER_STORAGE_CHANGE_TRACKER = 12,
        BGT_TRIGGER_SOCKET_ACTIVITY = 13,
        BGT_TRIGGER_PUSH_NOTIFICATION = 14,
        BGT_TRIGGER_TOAST_ACTION = 15,
        BGT_TRIGGER_TOAST_HISTORY_CHANGED = 16,
        BGT_TRIGGER_USER_NOTIFICATION_CHANGED = 17,
        BGT_TRIGGER_INTERVAL = 100,
        BGT_TRIGGER_CALENDAR = 101,
        BGT_TRIGGER_BOOT = 102,
        BGT_TRIGGER_LOGIN = 103,
        BGT_TRIGGER_RESUME = 104
};

/* SystemTriggerType. */
enum bgt_system_trigger_type {
        BGT_SYSTEM_SMS_RECEIVED = 1,
        BGT_SYSTEM_USER_PRESENT = 2,
        BGT_SYSTEM_USER_AWAY = 3,
        BGT_SYSTEM_NETWORK_STATE_CHANGE = 4,
        BGT_SYSTEM_CONTROL_CHANNEL_RESET = 5,
        BGT_SYSTEM_INTERNET_AVAILABLE = 6,
        BGT_SYSTEM_SESSION_CONNECTED = 7,
        BGT_SYSTEM_SERVICING_COMPLETE = 8,
        BGT_SYSTEM_LOCK_SCREEN_APPLICATION_ADDED = 9,
        BGT_SYSTEM_LOCK_SCREEN_APPLICATION_REMOVED = 10,
        BGT_SYSTEM_TIME_ZONE_CHANGE = 11,
        BGT_SYSTEM_ONLINE_ID_CONNECTED_STATE_CHANGE = 12,
        BGT_SYSTEM_BACKGROUND_WORK_COST_CHANGE = 13,
        BGT_SYSTEM_POWER_STATE_CHANGE = 14,
        BGT_SYSTEM_DEFAULT_SIGN_IN_ACCOUNT_CHANGE = 15
};

/* SystemConditionType, and conditions of ours. */
enum bgt_condition {
        BGT_CONDITION_USER_PRESENT = 1,
        BGT_CONDITION_USER_NOT_PRESENT = 2,
        BGT_CONDITION_INTERNET_AVAILABLE = 3,
        BGT_CONDITION_INTERNET_NOT_AVAILABLE = 4,
        BGT_CONDITION_SESSION_CONNECTED = 5,
        BGT_CONDITION_SESSION_DISCONNECTED = 6,
        BGT_CONDITION_FREE_NETWORK_AVAILABLE = 7,
        BGT_CONDITION_BACKGROUND_WORK_COST_NOT_HIGH = 8,
        BGT_CONDITION_ON_AC_POWER = 16,
        BGT_CONDITION_BATTERY_NOT_LOW = 17,
        BGT_CONDITION_DEVICE_IDLE = 18,
        BGT_CONDITION_STORAGE_NOT_LOW = 19,
        BGT_CONDITION_NO_CPU_PRESSURE = 20,
        BGT_CONDITION_NO_MEMORY_PRESSURE = 21,
        BGT_CONDITION_NO_IO_PRESSURE = 22
};

/* BackgroundTaskCancellationReason, and reasons of ours. */
enum bgt_reason {
        BGT_REASON_ABORT = 0,
        BGT_REASON_TERMINATING = 1,
        BGT_REASON_LOGGING_OFF = 2,
        BGT_REASON_SERVICING_UPDATE = 3,
        BGT_REASON_IDLE_TASK = 4,
        BGT_REASON_UNINSTALL = 5,
        BGT_REASON_CONDITION_LOSS = 6,
        BGT_REASON_SYSTEM_POLICY = 7,
        BGT_REASON_QUIET_HOURS_ENTERED = 8,
        BGT_REASON_EXECUTION_TIME_EXCEEDED = 9,
        BGT_REASON_RESOURCE_REVOCATION = 10,
        BGT_REASON_ENERGY_SAVER = 11,
        BGT_REASON_REPLACED = 100,  /* by the next firing of its task: BGT_OVERLAP_CANCEL_OTHER */
        BGT_REASON_USER = 101       /* a person, who gave no reason */
};

/* How a firing ended. */
enum bgt_outcome {
        BGT_OUTCOME_COMPLETED = 1,
        BGT_OUTCOME_FAILED = 2,
        BGT_OUTCOME_CANCELED = 3,
        BGT_OUTCOME_ABANDONED = 4,   /* its server was gone before it completed */
        BGT_OUTCOME_TIMED_OUT = 5,
        BGT_OUTCOME_NOT_STARTED = 6,
        BGT_OUTCOME_EXPIRED = 7
};

/* What happens to a firing while a run of the same task is alive. */
enum bgt_overlap {
        BGT_OVERLAP_DEFAULT = 0,      /* skip for times and application requests, else buffer one */
        BGT_OVERLAP_SKIP = 1,
        BGT_OVERLAP_BUFFER_ONE = 2,
        BGT_OVERLAP_BUFFER_ALL = 3,
        BGT_OVERLAP_CANCEL_OTHER = 4,
        BGT_OVERLAP_PARALLEL = 5
};

/* What happens to scheduled times that passed while the machine or the broker was down. */
enum bgt_catch_up {
        BGT_CATCH_UP_ONE = 0,         /* one run stands for all of them */
        BGT_CATCH_UP_NONE = 1,
        BGT_CATCH_UP_ALL = 2          /* all within the window */
};

/* Whether a firing whose attempt was lost by a power failure is started again. */
enum bgt_rerun {
        BGT_RERUN_DEFAULT = 0,        /* never for periodic timers, which have a next run; once for the rest */
        BGT_RERUN_NEVER = 1,
        BGT_RERUN_ONCE = 2
};

/*
 * What register does if the package has a task of that name. There is no default: say what you
 * mean.
 */
enum bgt_if_exists {
        BGT_IF_EXISTS_FAIL = 0,
        BGT_IF_EXISTS_KEEP = 1,       /* the existing one, unchanged: what the usual search in AllTasks means */
        BGT_IF_EXISTS_UPDATE = 2,     /* same TaskId, phase and history, new options */
        BGT_IF_EXISTS_REPLACE = 3,    /* the old one is unregistered: Register(String) */
        BGT_IF_EXISTS_DUPLICATE = 4   /* one more task of that name: Register() */
};

/* ApplicationTriggerResult. */
enum bgt_request_result {
        BGT_REQUEST_ALLOWED = 0,
        BGT_REQUEST_CURRENTLY_RUNNING = 1,
        BGT_REQUEST_DISABLED_BY_POLICY = 2,
        BGT_REQUEST_UNKNOWN_ERROR = 3
};

/* DeviceTriggerResult: what becomes of a request for a device. */
enum bgt_device_result {
        BGT_DEVICE_ALLOWED = 0,
        BGT_DEVICE_DENIED_BY_USER = 1,
        BGT_DEVICE_DENIED_BY_SYSTEM = 2,
        BGT_DEVICE_LOW_BATTERY = 3 /* the condition BatteryNotLow is known not to hold */
};

/* BackgroundAccessStatus. */
enum bgt_access {
        BGT_ACCESS_UNSPECIFIED = 0,
        BGT_ACCESS_ALWAYS_ALLOWED = 4,
        BGT_ACCESS_ALLOWED_SUBJECT_TO_SYSTEM_POLICY = 5,
        BGT_ACCESS_DENIED_BY_SYSTEM_POLICY = 6,
        BGT_ACCESS_DENIED_BY_USER = 7
};

/* BackgroundWorkCostValue. */
enum bgt_work_cost_value {
        BGT_WORK_COST_LOW = 0,
        BGT_WORK_COST_MEDIUM = 1,
        BGT_WORK_COST_HIGH = 2
};

/*
 * REGCLS: how a class object is offered. SUSPENDED, SURROGATE and AGILE are added to one of the
 * first three.
 */
enum bgt_regcls {
        BGT_REGCLS_SINGLEUSE = 0,     /* serves one run and leaves public view */
        BGT_REGCLS_MULTIPLEUSE = 1,
        BGT_REGCLS_MULTI_SEPARATE = 2,
        BGT_REGCLS_SUSPENDED = 4,     /* serves nothing until bgt_server_resume() */
        BGT_REGCLS_SURROGATE = 8,     /* accepted, without meaning here */
        BGT_REGCLS_AGILE = 16         /* accepted: every class object is called on any thread */
};
