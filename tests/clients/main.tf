# What tests/clients/test_terraform.py applies, changes and destroys.
terraform {
  required_providers {
    azuread = { source = "hashicorp/azuread" }
  }
}

variable "workspace_url" {}
variable "workspace_token" { sensitive = true }
variable "enabled" { default = true }

provider "azuread" {}

data "azuread_domains" "here" {}

data "azuread_client_config" "here" {}

resource "azuread_user" "ada" {
  user_principal_name = "ada@${data.azuread_domains.here.domains[0].domain_name}"
  display_name        = "Ada Lovelace"
  given_name          = "Ada"
  surname             = "Lovelace"
  mail                = "ada@contoso.com"
  mail_nickname       = "ada"
  department          = "Engines"
  password            = "xWwvJ]6NMw+bWH-d"
}

resource "azuread_group" "engineering" {
  display_name     = "Engineering"
  security_enabled = true
}

resource "azuread_group_member" "ada" {
  group_object_id  = azuread_group.engineering.object_id
  member_object_id = azuread_user.ada.object_id
}

data "azuread_application_template" "databricks" {
  display_name = "Azure Databricks SCIM Provisioning Connector"
}

resource "azuread_application_from_template" "workspace" {
  display_name = "Databricks WS1"
  template_id  = data.azuread_application_template.databricks.template_id
}

data "azuread_service_principal" "workspace" {
  object_id = azuread_application_from_template.workspace.service_principal_object_id
}

resource "azuread_app_role_assignment" "engineering" {
  app_role_id         = data.azuread_service_principal.workspace.app_roles[0].id
  principal_object_id = azuread_group.engineering.object_id
  resource_object_id  = azuread_application_from_template.workspace.service_principal_object_id
}

resource "azuread_synchronization_secret" "workspace" {
  service_principal_id = azuread_application_from_template.workspace.service_principal_id

  credential {
    key   = "BaseAddress"
    value = var.workspace_url
  }
  credential {
    key   = "SecretToken"
    value = var.workspace_token
  }
}

resource "azuread_synchronization_job" "workspace" {
  service_principal_id = azuread_application_from_template.workspace.service_principal_id
  template_id          = "dataBricks"
  enabled              = var.enabled

  # Whom it provisions comes before it, and so goes after it: nobody leaves while it still runs.
  depends_on = [
    azuread_synchronization_secret.workspace,
    azuread_app_role_assignment.engineering,
    azuread_group_member.ada,
  ]
}

resource "azuread_synchronization_job_provision_on_demand" "ada" {
  service_principal_id   = azuread_application_from_template.workspace.service_principal_id
  synchronization_job_id = azuread_synchronization_job.workspace.id

  parameter {
    rule_id = "03f7d90d-bf71-41b1-bda6-aaf0ddbee5d8"
    subject {
      object_id        = azuread_user.ada.object_id
      object_type_name = "User"
    }
  }
}
