"""The words that the page of 2019 tells an administrator to look for and click, each written here and nowhere else.

Templates say ``label.new_application``; a test compares the table with the page, statement by statement.
"""

from __future__ import annotations

from typing import Final

LABELS: Final = {
    # Connect
    "azure_active_directory": "Azure Active Directory",
    "enterprise_applications": "Enterprise Applications",
    "new_application": "New Application",
    "add_your_own_app": "Add your own app",
    "non_gallery_application": "Non-gallery application",
    "manage": "Manage",
    "provisioning": "Provisioning",
    "provisioning_mode": "Provisioning Mode",
    "automatic": "Automatic",
    "tenant_url": "Tenant URL",
    "secret_token": "Secret Token",
    "test_connection": "Test Connection",
    "save": "Save",
    # Mappings
    "mappings": "Mappings",
    "attribute_mappings": "Attribute Mappings",
    "show_advanced_options": "Show advanced options",
    "edit_attribute_list_for": "Edit attribute list for",
    "primary": "Primary",
    "required": "Required",
    "ok": "OK",
    "add_new_mapping": "Add New Mapping",
    "mapping_type": "Mapping Type",
    "source": "Source attribute / Expression",
    "default_value": "Default value",
    "target_attribute": "Target attribute",
    "match": "Match object using attribute",
    "precedence": "Matching precedence",
    "apply": "Apply this mapping",
    # Start
    "owners": "Owners",
    "settings": "Settings",
    "scope": "Scope",
    "sync_assigned": "Sync only assigned users and groups",
    "sync_all": "Sync all users and groups",
    "provisioning_status": "Provisioning Status",
    "on": "On",
    "off": "Off",
    "users_and_groups": "Users and groups",
    "add": "Add",
    "assign": "Assign",
    "clear_state": "Clear current state and restart synchronization",
}
