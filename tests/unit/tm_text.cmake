fcm_unit_test(test_tm_text USES fcm_tm fcm_base)
