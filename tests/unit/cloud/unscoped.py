"""What leads to SQL without a household, or asks for rows by something else, and why no stranger's come out of it."""

# Why a method needs no household. Whoever adds one here says why no stranger's rows can come out of it.
EXCEPTIONS = {
    "who somebody is: asked for by an address, a user's id or a secret, before any household is known": """
        AccountRepository.add_user AccountRepository.user_by_email AccountRepository.credentials
        AccountRepository.change_user AccountRepository.is_verified AccountRepository.identity_is_known
        AccountRepository.add_identity AccountRepository.member_of AccountRepository.memberships_of
        AccountRepository.member_of_family AccountRepository.member_of_identity AccountRepository.add_login_link
        AccountRepository.use_login_link AccountRepository.add_session AccountRepository.end_session
        ExpiredRepository.end_older_logins SharingRepository.held_household_count
        AccountRepository.hold_user AccountRepository.hold_password AccountRepository.change_hash
        CallerRepository.of_logins CallerRepository.of_sessions CallerRepository.of_identities
        CallerRepository.of_keys CallerRepository.revoked SharingRepository.invitation_of
        SharingRepository.is_invited
        TokenRepository.add_family TokenRepository.add_refresh TokenRepository.family_of TokenRepository.use_refresh
        TokenRepository.end_family TokenRepository.end_all_of TokenRepository.add_account_token
        TokenRepository.hold_user_of TokenRepository.use_account_token TokenRepository.revoke
        TokenRepository.is_revoked TokenRepository.end_links_of TokenRepository.serves""",
    "what a user made, in whatever household, which ends with a new password": """
        ApiKeyRepository.active_keys_of SharingRepository.invitations_by""",
    "callers' allowances, by a name that belongs to no household": """
        BucketRepository.forget_full BucketRepository.full_at BucketRepository.set_full_at BucketRepository.add_full""",
    "an act of somebody who may be in no household, or of an operator": """
        AuditRepository.add""",
    "a device that is nobody's yet, by its name at the broker or by the secret that claims it": """
        OwnershipRepository.add_unclaimed OwnershipRepository.change_code OwnershipRepository.are_unclaimed
        OwnershipRepository.take_unclaimed""",
    "who speaks at the broker: its certificate says which thing, the row says whose": """
        DeviceRepository.by_thing DeviceRepository.by_things""",
    "whose upload it is: the secret of its grant says that": """
        ImageRepository.for_upload""",
    "devices by pairs of a household and a number": """
        DeviceRegister.numbered DeviceRegister.ids""",
    "mailboxes of devices that are known, of many households at once": """
        GatewayRepository.mailboxes_with_one""",
    "what was given to the object with its device before, is written": """
        GroupRepository.flush GroupRepository.flush_numbered GroupGaps.flush""",
    "an operator's command, or a figure of the whole server": """
        AccountRepository.everybody EveryDevice.heard EveryDevice.count OwnershipRepository.all_waiting
        JobsTableQueue.backlogs JobsTableDlq.entries JobsTableDlq.count JobsTableDlq.entry UpdateRepository.set_chip""",
    "firmware, which is every household's": """
        UpdateRepository.all_boards UpdateRepository.add_image UpdateRepository.image
        UpdateRepository.remove_images""",
    "what the server does by itself for every household: at start, watching, forgetting": """
        DeviceRepository.all_devices IdempotencyRepository.forget_before BatteryRepository.forget_before
        NotificationRepository.forget_before ExpiredRepository.forget
        FeedRepository.leave_gap FeedRepository.forget_old AlarmRepository.late_devices AlarmRepository.low_devices
        AlarmRepository.raised ImageRepository.abandoned LeftOpenRepository.untold""",
    "the queue itself, which hands each job to its stage with its household": """
        JobsTableQueue.lease JobsTableQueue.recover JobsTableQueue.forget_done JobsTableQueue.next_due
        JobsTableQueue.generation JobsTableQueue.wait JobsTableQueue.wake JobsTableQueue.stories""",
    "entries of the DLQ, also of strangers' messages, which are no household's": """
        JobsTableQueue.park JobsTableDlq.put_back JobsTableDlq.take_out JobsTableDlq.park_again""",
    "whole tables, in the backup": """
        rows.stored_tables rows.dump rows.load""",
    "what changed, each with its household": """
        repository.store_noted""",
    "no statement of its own: its caller names table and rows": """
        database_transaction.unit_of_work DriverStatement.run GivenRows.read GivenRows.run insert_many.insert_many
        insert_many.insert_telling update_many.update_many""",
}
# Why a statement needs no household, although who asks for it has one.
BY_ELSE = {
    "a device's own names, which it may have given while it was another household's": """
        ImageRepository.named GroupRepository._stored""",
    "a job by its id, by the worker that leased it": """
        JobsTableQueue.finish JobsTableQueue.fail JobsTableQueue.retry""",
    "a cause that has its mail already, by a key that names the cause": """
        MailRepository.has""",
    "who still follows what changes, by the secret they came with; of which household they are is asked beside it": """
        AdmissionRepository.standing""",
    "every household's, for who runs the server: a backup": """
        backup._add_rows backup._images""",
}


def _listed(reasons: dict[str, str]) -> set[str]:
    return {name for listed in reasons.values() for name in listed.split()}


EXCEPTED = _listed(EXCEPTIONS)
ASKED_BY_ELSE = _listed(BY_ELSE) | EXCEPTED
WHAT_TO_DO = (
    "expected every public way to SQL to take a household (household_id, or a Device, Image, Episode ... that has one) "
    "and to ask for its rows alone, got some without: add the parameter, or list the way in EXCEPTIONS of "
    "tests/unit/cloud/unscoped.py with the reason"
)
WHICH_TO_NAME = (
    "expected every statement on a table with a household_id to name the household it is about (household_id = ..., or "
    "among the columns of an INSERT), got one that does not: add the condition, or list who asks in BY_ELSE with why"
)
