fcm_unit_test(test_tm_place USES fcm_tm)
fcm_unit_test(test_tm_sync USES fcm_tm)
fcm_unit_test(test_tm_verify USES fcm_tm)
